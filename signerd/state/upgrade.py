"""Runs the Alembic scripts, one daemon at a time; loaded in the child process of `migration` only."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from signerd.state.failures import unavailable
from signerd.state.location import Location, PostgresLocation, SqliteLocation
from signerd.state.migration import is_head, sqlite_schema

SCRIPTS = Path(__file__).with_name("migrations")
# Any number will do, if it is always the same: "signerd" in ASCII.
LOCK = int.from_bytes(b"signerd")


def upgrade(location: Location) -> None:
    """Upgrade to the newest schema; raises CONFIG_INVALID or STATE_UNAVAILABLE."""
    try:
        if isinstance(location, SqliteLocation):
            _upgrade_sqlite(location)
        else:
            asyncio.run(_upgrade_postgres(location))
    except (SQLAlchemyError, CommandError, OSError) as error:
        raise unavailable(location, error) from None


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for a connection."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade_sqlite(location: SqliteLocation) -> None:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(location.path)),
        connect_args={"isolation_level": None, "timeout": 30},
    )
    with _locked(location.path.parent):
        if is_head(sqlite_schema(location)):
            return
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            connection.exec_driver_sql("PRAGMA synchronous = FULL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            alembic.command.upgrade(configuration(connection), "head")
            connection.commit()
        engine.dispose()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    # The directory, because closing any descriptor of the database would drop SQLite's own locks.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


async def _upgrade_postgres(location: PostgresLocation) -> None:
    from signerd.state.postgres import DRIVER_ERRORS, make_engine

    engine = make_engine(location)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade_locked)
    except DRIVER_ERRORS as error:
        raise unavailable(location, error) from None
    finally:
        await engine.dispose()


def _upgrade_locked(connection: Connection) -> None:
    connection.execute(text("SET LOCAL lock_timeout = '60s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    revision = None
    if inspect(connection).has_table("alembic_version"):
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if not is_head(revision):
        alembic.command.upgrade(configuration(connection), "head")
