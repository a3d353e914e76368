"""The schema is made once, by whoever is first, and is the one the code describes."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from pathlib import Path

import alembic.command
import pytest
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from signerd.errors import Reason
from signerd.state.location import SqliteLocation
from signerd.state.migration import HEAD, REVISIONS, ensure_schema, is_populated, sqlite_schema
from signerd.state.upgrade import configuration
from tests.unit.state.contract import refused, reopened
from tests.unit.state.differences import schema_differences


def scripts() -> ScriptDirectory:
    engine = create_engine("sqlite://", poolclass=NullPool)
    with engine.connect() as connection:
        return ScriptDirectory.from_config(configuration(connection))


def test_the_constant_names_the_scripts() -> None:
    revisions = [script.revision for script in scripts().walk_revisions()]
    assert tuple(reversed(revisions)) == REVISIONS
    assert scripts().get_current_head() == HEAD


def test_migrations_lead_to_the_schema(location: SqliteLocation) -> None:
    with create_engine(f"sqlite:///{location.path}").connect() as connection:
        assert schema_differences(connection) == []
        assert MigrationContext.configure(connection).get_current_revision() == HEAD


def test_an_older_database_is_upgraded(tmp_path: Path) -> None:
    location = SqliteLocation(tmp_path / "state.db")
    with create_engine(f"sqlite:///{location.path}").begin() as connection:
        alembic.command.upgrade(configuration(connection), REVISIONS[0])
        connection.exec_driver_sql("INSERT INTO instance VALUES ('kept')")
    location.path.chmod(0o600)
    assert sqlite_schema(location) == REVISIONS[0]
    ensure_schema(location)
    with create_engine(f"sqlite:///{location.path}").connect() as connection:
        assert schema_differences(connection) == []
        assert connection.exec_driver_sql("SELECT id FROM instance").scalar() == "kept"


def test_the_comparison_sees_a_difference(location: SqliteLocation) -> None:
    with create_engine(f"sqlite:///{location.path}").connect() as connection:
        connection.exec_driver_sql("ALTER TABLE keys ADD COLUMN extra TEXT")
        connection.exec_driver_sql("DROP TABLE revision")
        assert len(schema_differences(connection)) == 2


def test_the_file_is_private(tmp_path: Path) -> None:
    location = SqliteLocation(tmp_path / "new.db")
    ensure_schema(location)
    ensure_schema(location)
    assert location.path.stat().st_mode & 0o777 == 0o600
    assert sqlite_schema(location) == HEAD


def test_many_may_start_at_once(tmp_path: Path) -> None:
    location = SqliteLocation(tmp_path / "new.db")
    context = multiprocessing.get_context("fork")
    daemons = [context.Process(target=ensure_schema, args=(location,)) for _ in range(3)]
    for daemon in daemons:
        daemon.start()
    for daemon in daemons:
        daemon.join(60)
    assert [daemon.exitcode for daemon in daemons] == [0, 0, 0]
    assert sqlite_schema(location) == HEAD


def test_with_threads_it_does_not_fork(tmp_path: Path) -> None:
    location = SqliteLocation(tmp_path / "new.db")
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        ensure_schema(location)
    finally:
        stop.set()
        thread.join()
    assert sqlite_schema(location) == HEAD


def test_a_newer_database_is_refused(location: SqliteLocation) -> None:
    with sqlite3.connect(location.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with refused(Reason.CONFIG_INVALID, "9999.*newer signerd"):
        ensure_schema(location)


def test_a_damaged_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"x" * 4096)
    path.chmod(0o600)
    with refused(Reason.STATE_UNAVAILABLE, "not a database"):
        ensure_schema(SqliteLocation(path))


def test_a_migration_that_fails_says_so(tmp_path: Path) -> None:
    location = SqliteLocation(tmp_path / "state.db")
    with sqlite3.connect(location.path) as connection:
        connection.execute("CREATE TABLE changes (other TEXT)")
    location.path.chmod(0o600)
    with refused(Reason.STATE_UNAVAILABLE, "already exists"):
        ensure_schema(location)
    assert sqlite_schema(location) is None


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "state.db"
    path.touch()
    path.chmod(mode)
    with refused(Reason.PERMISSIONS_TOO_OPEN, "state.db"):
        ensure_schema(SqliteLocation(path))


def test_a_directory_others_write_in_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    with refused(Reason.PERMISSIONS_TOO_OPEN):
        ensure_schema(SqliteLocation(tmp_path / "state.db"))


async def test_populated_means_begun(location: SqliteLocation, tmp_path: Path) -> None:
    from signerd.state.database import open_database

    assert not is_populated(SqliteLocation(tmp_path / "none.db"))
    assert not is_populated(location)
    database = open_database(location)
    await reopened(database)
    await database.close()
    assert is_populated(location)
