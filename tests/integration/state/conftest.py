"""A PostgreSQL cluster for all tests here, and a fresh database for each."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, text

from signerd.state.database import Database, open_database
from signerd.state.location import PostgresLocation
from signerd.state.migration import Password, ensure_schema
from signerd.state.postgres import connect, make_engine
from tests.integration.state.cluster import PASSWORD, Cluster, find_binaries
from tests.unit.state.samples import Intruder

pytest.register_assert_rewrite(
    "tests.unit.state.contract",
    "tests.unit.state.tampering_contract",
    "tests.unit.state.watching_contract",
    "tests.unit.state.journal_contract",
    "tests.unit.state.shards_contract",
)

T = TypeVar("T")
NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/pg_ctl)")
    # Not below pytest's own directory: the postgres user can't enter that.
    directory = Path(tempfile.mkdtemp(prefix="signerd-postgresql-"))
    cluster = Cluster(binaries, directory)
    cluster.start()
    yield cluster
    cluster.stop("immediate")
    shutil.rmtree(directory)


def locate(cluster: Cluster, database: str) -> PostgresLocation:
    return PostgresLocation(cluster.url(database), Password(PASSWORD))


async def create_database(cluster: Cluster, options: str = "") -> PostgresLocation:
    name = f"state_{next(NUMBERS)}"
    connection = await connect(locate(cluster, "postgres"))
    await connection.execute(f"CREATE DATABASE {name} {options}")
    await connection.close()
    return locate(cluster, name)


@pytest.fixture
async def empty(cluster: Cluster) -> PostgresLocation:
    return await create_database(cluster)


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    import asyncio

    location = asyncio.run(create_database(cluster))
    ensure_schema(location)
    return location.uri.rpartition("/")[2]


@pytest.fixture
async def location(cluster: Cluster, template: str) -> PostgresLocation:
    return await create_database(cluster, f"TEMPLATE {template}")


@pytest.fixture
def intruder(location: PostgresLocation) -> Intruder:
    return PostgresIntruder(location)


@pytest.fixture
async def database(location: PostgresLocation) -> AsyncIterator[Database]:
    database = open_database(location)
    yield database
    await database.close()


class PostgresIntruder:
    def __init__(self, location: PostgresLocation) -> None:
        self._location = location

    async def run(self, work: Callable[[Connection], T]) -> T:
        engine = make_engine(self._location)
        try:
            async with engine.begin() as connection:
                await connection.execute(text("SET LOCAL session_replication_role = replica"))
                return await connection.run_sync(work)
        finally:
            await engine.dispose()
