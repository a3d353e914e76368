"""Killed at any moment, the daemon comes up by itself and has a record of everything that it acknowledged."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from itertools import pairwise

import pytest

from signerd.client import AsyncClient, SignerdError
from signerd.engine.log_key import LOG_KEY
from signerd.v1.keys_pb2 import CreateKeyResponse
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import SECONDS, SHARD, SOAK, Daemon, sized, tell, until_async
from tests.integration.process.load import Load, under_load
from tests.integration.process.records import recorded, stored

KEY = "team-a/release"
KILLS = 200 if SOAK else 20
CREATIONS = 60 if SOAK else 6
EXPECTED = {"DAEMON_UNREACHABLE", "CANCELLED", "SHUTTING_DOWN", "DEADLINE"}
SAMPLE = 50


@sized
async def test_no_acknowledged_signature_is_without_its_record(new_daemon: NewDaemon) -> None:
    daemon = new_daemon().start()
    with daemon.client() as client:
        client.create_key(KEY)
    async with under_load(daemon, KEY) as load:
        for number in range(KILLS):
            await killed_under(load, daemon, random.Random(number))
        await load.reached(len(load.told) + 100)
    assert set(load.reasons) <= EXPECTED
    await check_over_rpc(daemon, load)
    assert daemon.stop() == 0
    records = stored(daemon.shard)
    assert set(load.told) <= {recorded(record) for record in records}
    assert [record.operation for record in records].count("start") == KILLS + 1
    assert "Traceback" not in daemon.text()
    tell(
        f"{KILLS} kills survived; {len(load.told)} acknowledged signatures, {len(records)} records, "
        f"{len(load.refused)} calls cut off"
    )


async def killed_under(load: Load, daemon: Daemon, chance: random.Random) -> None:
    """Kill at a random time after the first signatures of this life, and start again under load."""
    await load.reached(len(load.told) + 10)
    await asyncio.sleep(chance.uniform(0, 0.3))
    await asyncio.to_thread(daemon.kill)
    await asyncio.to_thread(daemon.start)


async def check_over_rpc(daemon: Daemon, load: Load) -> None:
    """What the daemon shows of its log: everything in pages, and some records one by one."""
    async with daemon.async_client() as client:
        shown = await shown_records(client)
        for told in random.Random(0).sample(load.told, SAMPLE):
            record = await client.audit.get_record(SHARD, told.sequence)
            assert (record.request_id, record.outcome) == (told.request_id, "ok")
            assert f'"signature_sha256":"{told.signature_sha256}"' in record.json
    assert all(newer > older for newer, older in pairwise(shown))
    assert {(told.sequence, told.request_id) for told in load.told} <= set(shown)


async def shown_records(client: AsyncClient) -> list[tuple[int, str]]:
    shown, token = [], ""
    while True:
        page = await client.audit.list_records(page_size=1000, page_token=token)
        shown += [(record.position.sequence, record.request_id) for record in page.records]
        token = page.next_page_token
        if not token:
            return shown


@sized
async def test_keys_that_were_acknowledged_exist_and_repeated_requests_give_the_first_answer(
    new_daemon: NewDaemon,
) -> None:
    daemon = new_daemon().start()
    made: dict[str, CreateKeyResponse] = {}
    async with daemon.async_client(timeout=10.0) as client:
        creating = asyncio.create_task(create_for_ever(client, made))
        for number in range(CREATIONS):
            before = len(made)
            await until_async(lambda before=before: len(made) > before)  # type: ignore[misc]
            await asyncio.sleep(random.Random(number).uniform(0, 0.25))
            await asyncio.to_thread(daemon.kill)
            await asyncio.to_thread(daemon.start)
        creating.cancel()
        with suppress(asyncio.CancelledError):
            await creating
    async with daemon.async_client() as client:
        await check_keys(client, made)
        files = await check_files(client, daemon)
    assert daemon.stop() == 0
    stored(daemon.shard)
    tell(f"{CREATIONS} kills during key creation; {len(made)} keys acknowledged, {files} key files")


async def create_for_ever(client: AsyncClient, made: dict[str, CreateKeyResponse]) -> None:
    number = 0
    while True:
        name = f"keys/k{number}"
        try:
            made[name] = await client.create_key(name, request_id=f"create-{number}")
        except SignerdError as error:
            if error.reason.name not in EXPECTED:
                raise
            await asyncio.sleep(0.02)
        else:
            number += 1


async def check_keys(client: AsyncClient, made: dict[str, CreateKeyResponse]) -> None:
    """Each acknowledged key is there as it was told, signs, and is given again to the same request."""
    listed = {key.name: key for key in (await client.list_keys(page_size=1000)).keys}
    assert set(made) <= set(listed)
    for number, (name, first) in enumerate(made.items()):
        assert listed[name] == first.key
        again = await client.create_key(name, request_id=f"create-{number}")
        assert (again.key, again.revision) == (first.key, first.revision)
        signed = await client.sign(name, message=b"x")
        assert signed.key_id == first.key.versions[0].key_id
        with pytest.raises(SignerdError, match="exists"):
            await client.create_key(name)


async def check_files(client: AsyncClient, daemon: Daemon) -> int:
    """Every key file becomes a key's, and every key signs; gives how many there are."""
    files = key_files(daemon)
    async with asyncio.timeout(SECONDS):
        while len(listed := (await client.list_keys(page_size=1000)).keys) != files:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for key in listed:
        assert (await client.sign(key.name, message=b"x")).key_id == key.versions[0].key_id
    assert key_files(daemon) == files
    return files


def key_files(daemon: Daemon) -> int:
    """How many files of callers' keys there are."""
    return sum(path.parent.name != LOG_KEY for path in (daemon.home / "keys").rglob("*.key"))
