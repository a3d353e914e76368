"""What only the embedded database has: a file, other processes on it, and little memory."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from signerd.errors import Reason, SignerdError
from signerd.state import sqlite
from signerd.state.database import Database, open_database
from signerd.state.location import SqliteLocation
from signerd.state.schema import VERSIONS
from signerd.state.store import Store
from signerd.state.watcher import Watcher
from tests.unit.state.contract import refused, reopened, store
from tests.unit.state.samples import respond, sample_change, sample_key
from tests.unit.state.watching_contract import Bell, until

__all__ = ["store"]
T = TypeVar("T")

CREATE_KEY = """
import asyncio, sys
from pathlib import Path
from signerd.state.database import open_database
from signerd.state.location import SqliteLocation
from tests.unit.state.contract import reopened
from tests.unit.state.samples import respond, sample_change, sample_key

async def main():
    database = open_database(SqliteLocation(Path(sys.argv[1])))
    store = await reopened(database)
    await store.commit_key(sample_key("of-another-process"), sample_change(), respond)
    await database.close()

asyncio.run(main())
"""
USE_STORE = """
import asyncio, sys
from pathlib import Path
from signerd.state.database import open_database
from signerd.state.location import SqliteLocation
from signerd.state.migration import ensure_schema
from signerd.state.state_key import obtain_state_key
from signerd.state.store import Store
from signerd.state.watcher import Watcher

async def main(location, key):
    database = open_database(location)
    store = Store(database, key)
    await store.open()
    watching = asyncio.create_task(Watcher(database, store.load).run())
    await asyncio.sleep(0.1)
    watching.cancel()
    await database.close()

home = Path(sys.argv[1])
location = SqliteLocation(home / "new.db")
ensure_schema(location)
asyncio.run(main(location, obtain_state_key(home / "state.key", populated=False)))
heavy = ("sqlalchemy.orm", "sqlalchemy.ext.asyncio", "alembic", "asyncpg", "aiosqlite", "greenlet")
print([name for name in heavy if name in sys.modules])
"""


def run_python(script: str, *arguments: object) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def replace_file(path: Path, by: Path) -> None:
    by.replace(path)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


async def test_a_change_by_another_process_is_told(location: SqliteLocation, database: Database) -> None:
    bell = Bell(await reopened(database))
    watching = asyncio.create_task(Watcher(database, bell.ring).run())
    await bell.wait_for(0)
    await asyncio.to_thread(run_python, CREATE_KEY, location.path)
    await bell.wait_for(1)
    watching.cancel()


def test_the_store_loads_nothing_heavy(tmp_path: Path) -> None:
    assert run_python(USE_STORE, tmp_path) == "[]\n"


async def test_an_older_copy_of_the_file_is_refused(location: SqliteLocation, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    for name in ("a", "b"):
        database = open_database(location)
        store = await reopened(database)
        await store.commit_key(sample_key(name), sample_change(name), respond)
        await database.close()
        if name == "a":
            shutil.copy(location.path, copy)
    shutil.copy(copy, location.path)
    database = open_database(location)
    with refused(Reason.STATE_TAMPERED, "revision 1, but 2 was seen"):
        await reopened(database, minimum_revision=2)
    await database.close()


async def test_a_file_put_in_the_place_is_seen(
    location: SqliteLocation, database: Database, store: Store, tmp_path: Path
) -> None:
    copy = Path(shutil.copy(location.path, tmp_path / "copy.db"))
    bell = Bell(store)
    watcher = Watcher(database, bell.ring)
    watching = asyncio.create_task(watcher.run())
    await store.commit_key(sample_key(), sample_change(), respond)
    await bell.wait_for(1)
    replace_file(location.path, copy)
    await until(lambda: not watcher.connected)
    with refused(Reason.STATE_TAMPERED):
        await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
    watching.cancel()


async def test_nothing_is_written_to_a_removed_file(
    location: SqliteLocation, database: Database, store: Store
) -> None:
    location.path.unlink()
    watcher = Watcher(database, store.load)
    with refused(Reason.STATE_UNAVAILABLE, "No such file"):
        await store.commit_key(sample_key(), sample_change(), respond)
    watching = asyncio.create_task(watcher.run())
    await until(lambda: "No such file" in watcher.detail)
    watching.cancel()
    assert not location.path.exists()


async def test_a_file_open_to_others_is_refused(
    location: SqliteLocation, database: Database, store: Store
) -> None:
    location.path.chmod(0o640)
    with refused(Reason.PERMISSIONS_TOO_OPEN, "0640"):
        await store.load()


async def test_a_busy_database_is_unavailable(
    location: SqliteLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    database = open_database(location)
    store = await reopened(database)
    other = sqlite3.connect(location.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with refused(Reason.STATE_UNAVAILABLE, "locked"):
        await store.commit_key(sample_key(), sample_change(), respond)
    assert (await store.load()).revision == 0
    other.execute("ROLLBACK")
    assert (await store.commit_key(sample_key(), sample_change(), respond)).revision == 1
    other.close()
    await database.close()


class SlowAnswers:
    """A database whose first answer arrives last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.hold: asyncio.Event | None = None
        self.read_done = asyncio.Event()

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        result = await self._database.read(transaction)
        hold, self.hold = self.hold, None
        if hold:
            self.read_done.set()
            await hold.wait()
        return result

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        return await self._database.write(transaction)

    async def follow(self, changed: Callable[[], Awaitable[None]]) -> None:
        await self._database.follow(changed)

    async def close(self) -> None:
        await self._database.close()


async def test_a_late_answer_does_not_bring_back_an_older_snapshot(database: Database) -> None:
    slow = SlowAnswers(database)
    store = await reopened(slow)
    slow.hold = hold = asyncio.Event()
    late = asyncio.create_task(store.load())
    await slow.read_done.wait()
    await store.commit_key(sample_key(), sample_change(), respond)
    newest = await store.load()
    hold.set()
    assert await late is newest
    assert await store.load() == newest


async def test_a_full_disk_leaves_nothing_and_passes(database: Database, store: Store) -> None:
    pages = await database.read(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar())
    big = b"x" * 100_000
    await database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))
    with refused(Reason.STATE_UNAVAILABLE, "full"):
        await store.commit_key(sample_key(), sample_change(), lambda _: big)
    await database.read(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 100000"))
    assert (await store.load()).revision == 0
    assert (await store.commit_key(sample_key(), sample_change(), lambda _: big)).response == big


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0)],
)
async def test_connections_are_durable_and_strict(database: Database, pragma: str, value: object) -> None:
    assert await database.read(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value


async def test_a_damaged_file_is_unavailable(location: SqliteLocation, database: Database) -> None:
    location.path.write_bytes(os.urandom(8192))
    with refused(Reason.STATE_UNAVAILABLE, "not a database"):
        await reopened(database)


@pytest.mark.parametrize("value", [b"\xff", None, 1.5, "7"], ids=repr)
@pytest.mark.parametrize("place", ["keys.created", "keys.labels", "revision.value", "versions.number"])
async def test_values_of_other_types_are_refused(
    location: SqliteLocation, database: Database, store: Store, place: str, value: object
) -> None:
    await store.commit_key(sample_key(), sample_change(), respond)
    table, column = place.split(".")
    connection = sqlite3.connect(location.path)
    try:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = 1", (value,))
        connection.commit()
    except sqlite3.IntegrityError:
        return
    finally:
        connection.close()
    with refused(Reason.STATE_TAMPERED):
        await reopened(database)


async def test_errors_show_no_values(database: Database, store: Store) -> None:
    await store.commit_key(sample_key(), sample_change(), respond)
    statement = VERSIONS.update().values(uri="hush", public_key=b"hush")
    with pytest.raises(SignerdError) as caught:
        await database.write(lambda connection: connection.execute(statement))
    assert "hush" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
