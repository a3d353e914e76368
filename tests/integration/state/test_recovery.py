"""Several replicas on one PostgreSQL: an order that was left is settled once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from signerd.providers.guard import Guarded
from signerd.providers.memory import MemoryProvider
from signerd.state.journal import SILENT
from signerd.state.location import PostgresLocation
from tests.support.lives import Clock, Life, check_signs, held, living

NAME = "team-a/release"
REPLICAS = 4


async def test_of_many_replicas_one_settles_it(location: PostgresLocation, tmp_path: Path) -> None:
    provider = Guarded("keys", "memory", MemoryProvider())
    clock = Clock()
    async with AsyncExitStack() as stack:

        async def life(worker: str) -> Life:
            return await stack.enter_async_context(
                living(location, tmp_path, {"keys": provider}, worker=worker, clock=clock)
            )

        first = await life("dies")
        await first.die_creating(first.creator.store, "commit_key", after=False, name=NAME)
        replicas = [await life(f"replica-{number}") for number in range(REPLICAS)]
        await asyncio.gather(*(replica.recovery.settle() for replica in replicas))
        assert sum(len(replica.records()) for replica in replicas) == 0
        clock.ahead += SILENT + timedelta(seconds=1)
        await asyncio.gather(*(replica.recovery.settle() for replica in replicas))
        assert sum(len(replica.records()) for replica in replicas) == 1
        assert [replica.recovery.waiting for replica in replicas] == [set()] * REPLICAS
        assert len(await held(provider)) == 1
        for replica in replicas:
            await replica.keyring.reload()
            await check_signs(provider, replica, NAME)
