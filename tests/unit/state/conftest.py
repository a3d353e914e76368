"""An embedded database, made once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signerd.state.database import Database, open_database
from signerd.state.location import SqliteLocation
from signerd.state.migration import ensure_schema
from tests.unit.state.samples import Intruder, SqliteIntruder

pytest.register_assert_rewrite(
    "tests.unit.state.contract",
    "tests.unit.state.tampering_contract",
    "tests.unit.state.watching_contract",
    "tests.unit.state.journal_contract",
    "tests.unit.state.shards_contract",
)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "template.db"
    ensure_schema(SqliteLocation(path))
    return path


@pytest.fixture
def location(template: Path, tmp_path: Path) -> SqliteLocation:
    return SqliteLocation(Path(shutil.copy(template, tmp_path / "state.db")))


@pytest.fixture
def intruder(location: SqliteLocation) -> Intruder:
    return SqliteIntruder(location)


@pytest.fixture
async def database(location: SqliteLocation) -> AsyncIterator[Database]:
    database = open_database(location)
    yield database
    await database.close()
