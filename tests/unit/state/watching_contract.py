"""What holds for who waits for changes, on any database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from signerd.state.database import Database, open_database
from signerd.state.location import Location
from signerd.state.schema import KEYS, REVISION
from signerd.state.store import Store
from signerd.state.watcher import Watcher
from tests.unit.state.contract import copy_tables, put_back, reopened, store
from tests.unit.state.samples import Intruder, edit_first_row, respond, sample_change, sample_key

__all__ = ["store"]


class Bell:
    """Counts what a watcher calls."""

    def __init__(self, store: Store) -> None:
        self._store, self._rung = store, asyncio.Condition()
        self.revision = -1

    async def ring(self) -> None:
        snapshot = await self._store.load()
        async with self._rung:
            self.revision = snapshot.revision
            self._rung.notify_all()

    async def wait_for(self, revision: int) -> None:
        async with asyncio.timeout(30), self._rung:
            await self._rung.wait_for(lambda: self.revision >= revision)


class WatchingContract:
    async def test_changes_of_others_are_told(self, store: Store, location: Location) -> None:
        mine = open_database(location)
        bell = Bell(await reopened(mine))
        watcher = Watcher(mine, bell.ring)
        assert not watcher.connected
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watcher.run())
            await bell.wait_for(0)
            for revision in (1, 2, 3):
                await store.commit_key(sample_key(f"k{revision}"), sample_change(f"r{revision}"), respond)
                await bell.wait_for(revision)
            assert (watcher.connected, watcher.detail) == (True, "")
            watching.cancel()
        await mine.close()

    async def test_a_tampered_database_shows_and_is_tried_again(
        self, store: Store, database: Database, intruder: Intruder
    ) -> None:
        bell = Bell(store)
        watcher = Watcher(database, bell.ring)
        watching = asyncio.create_task(watcher.run())
        await bell.wait_for(0)
        await store.commit_key(sample_key(), sample_change(), respond)
        await bell.wait_for(1)
        good = await database.read(copy_tables)
        await intruder.run(edit_first_row(KEYS, "provider"))
        # A change of rows alone wakes no PostgreSQL watcher: notify as a writer would.
        await database.write(lambda connection: connection.execute(REVISION.update().values(value=2)))
        await until(lambda: not watcher.connected)
        assert "STATE" not in watcher.detail
        assert "MAC" in watcher.detail
        await intruder.run(lambda connection: put_back(connection, good))
        await until(lambda: watcher.connected)
        watching.cancel()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
