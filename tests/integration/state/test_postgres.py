"""What only the shared database has: a server that goes away and comes back."""

from __future__ import annotations

import asyncio
import multiprocessing

import pytest
from sqlalchemy import text

from signerd.errors import Reason
from signerd.state import postgres, watcher
from signerd.state.database import Database, open_database
from signerd.state.location import PostgresLocation, parse_location
from signerd.state.migration import Password, ensure_schema
from signerd.state.postgres import connect, make_engine
from signerd.state.store import Store
from signerd.state.watcher import Watcher
from tests.integration.state.cluster import Cluster
from tests.unit.state.contract import refused, reopened, store
from tests.unit.state.differences import schema_differences
from tests.unit.state.samples import respond, sample_change, sample_key
from tests.unit.state.watching_contract import Bell, until

__all__ = ["store"]


async def test_migrations_lead_to_the_schema(location: PostgresLocation) -> None:
    engine = make_engine(location)
    async with engine.connect() as connection:
        assert await connection.run_sync(schema_differences) == []
    await engine.dispose()


async def test_many_may_start_at_once(empty: PostgresLocation) -> None:
    context = multiprocessing.get_context("spawn")
    daemons = [context.Process(target=ensure_schema, args=(empty,)) for _ in range(3)]
    for daemon in daemons:
        daemon.start()
    for daemon in daemons:
        await asyncio.to_thread(daemon.join, 90)
    assert [daemon.exitcode for daemon in daemons] == [0, 0, 0]
    database = open_database(empty)
    await reopened(database)
    await database.close()


async def test_a_newer_database_is_refused(location: PostgresLocation) -> None:
    connection = await connect(location)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with refused(Reason.CONFIG_INVALID, "9999.*newer signerd"):
        await asyncio.to_thread(ensure_schema, location)


async def test_a_wrong_password_is_told_without_it(location: PostgresLocation) -> None:
    wrong = PostgresLocation(location.uri, Password("hush-hush"))
    database = open_database(wrong)
    with refused(Reason.STATE_UNAVAILABLE, r"^(?!.*hush).*password authentication failed"):
        await reopened(database)
    with refused(Reason.STATE_UNAVAILABLE, r"^(?!.*hush).*password authentication failed"):
        await asyncio.to_thread(ensure_schema, wrong)
    await database.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    location = parse_location("postgresql://signerd:hush@127.0.0.1:1/state")
    database = open_database(location)
    with refused(Reason.STATE_UNAVAILABLE, r"^(?!.*hush).*postgresql://signerd@127.0.0.1:1/state"):
        await reopened(database)
    await database.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_watching_outlives_a_restart(
    cluster: Cluster, location: PostgresLocation, store: Store, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "LONGEST_DELAY", 0.5)
    mine = open_database(location)
    bell = Bell(await reopened(mine))
    watching = Watcher(mine, bell.ring)
    task = asyncio.create_task(watching.run())
    await bell.wait_for(0)
    await asyncio.to_thread(cluster.stop, mode)
    await until(lambda: not watching.connected)
    assert "can't be used" in watching.detail
    with refused(Reason.STATE_UNAVAILABLE):
        await store.load()
    await asyncio.to_thread(cluster.start)
    # The first use after the restart finds only dead connections in the pool.
    await store.commit_key(sample_key(), sample_change(), respond)
    await bell.wait_for(1)
    await store.commit_key(sample_key("b"), sample_change("r-2"), respond)
    await bell.wait_for(2)
    assert watching.connected
    task.cancel()
    await mine.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("POLL_SECONDS", 3600), ("CHANNEL", "signerd_other")],
    ids=["by notification alone", "by the poll alone"],
)
async def test_a_change_is_told(
    location: PostgresLocation, store: Store, setting: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    if setting == "POLL_SECONDS":
        monkeypatch.setattr(postgres, setting, value)
    mine = open_database(location)
    bell = Bell(await reopened(mine))
    task = asyncio.create_task(Watcher(mine, bell.ring).run())
    await bell.wait_for(0)
    # It listens to the right channel by now.
    monkeypatch.setattr(postgres, setting, value)
    await store.commit_key(sample_key(), sample_change(), respond)
    await bell.wait_for(1)
    task.cancel()
    await mine.close()


async def test_a_conflict_is_tried_again_a_few_times(database: Database) -> None:
    raising = text("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END $$")
    runs: list[int] = []

    def conflict(connection: object, times: int) -> str:
        runs.append(1)
        if len(runs) <= times:
            connection.execute(raising)  # type: ignore[attr-defined]
        return "done"

    assert await database.write(lambda connection: conflict(connection, 2)) == "done"
    runs.clear()
    with refused(Reason.STATE_UNAVAILABLE, "conflict"):
        await database.write(lambda connection: conflict(connection, 99))
    assert len(runs) == postgres.ATTEMPTS


async def test_reading_can_not_write(database: Database, store: Store) -> None:
    with refused(Reason.STATE_UNAVAILABLE, "read-only transaction"):
        await database.read(lambda connection: connection.execute(text("DELETE FROM changes")))
