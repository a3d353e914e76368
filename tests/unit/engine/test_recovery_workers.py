"""Orders of processes that are slow, stopped or many: of each one takes care, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.state.journal import SILENT
from signerd.state.orders import PendingOrder
from tests.support.lives import check_signs
from tests.unit.engine.outside import NAME, STEPS, Outside, World, die, provider, technology, world
from tests.unit.engine.parts import until

__all__ = ["provider", "technology", "world"]


async def test_orders_of_others_wait_until_they_have_been_silent(world: World) -> None:
    await die(await world.life("first"), STEPS[5])
    other = await world.life("other", "other/worker-0")
    await other.recovery.settle()
    assert (NAME in other.keys, other.recovery.waiting) == (False, set())
    world.clock.ahead += SILENT + timedelta(seconds=1)
    await other.recovery.settle()
    assert NAME in other.keys


async def test_of_many_workers_one_settles_it(world: World) -> None:
    first = await world.life("first")
    await die(first, STEPS[5])
    await first.creator.journal.release(*await world.tags())
    workers = [await world.life(f"{n}", f"w{n}/worker-0") for n in range(4)]
    await asyncio.gather(*(worker.recovery.settle() for worker in workers))
    assert await world.orphans(workers[0]) == set()
    assert len(workers[0].keys) == 1
    assert sum(len(worker.records()) for worker in workers) == 1
    assert [worker.recovery.waiting for worker in workers] == [set()] * 4


@pytest.mark.parametrize("request_id", ["r-1", ""])
async def test_a_stopped_process_that_goes_on_after_its_order_was_settled(
    world: World, request_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.life("first")
    go_on, reached = asyncio.Event(), asyncio.Event()
    commit = first.creator.store.commit_key

    async def suspended(*args: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await commit(*args)

    monkeypatch.setattr(first.creator.store, "commit_key", suspended)
    request = asyncio.create_task(first.create(NAME, request_id=request_id))
    await reached.wait()
    world.clock.ahead += SILENT + timedelta(seconds=1)
    other = await world.life("other", "other/worker-0")
    await other.recovery.settle()
    assert NAME in other.keys
    go_on.set()
    (outcome,) = await asyncio.gather(request, return_exceptions=True)
    assert await world.orphans(other) == set()
    await check_signs(world.provider, other, NAME)
    if request_id:
        assert outcome == await other.create(NAME)
    else:
        assert "settled meanwhile" in str(outcome)


async def test_a_slow_process_whose_order_was_given_up_leaves_nothing(world: World) -> None:
    first = await world.life("first")
    begin = first.creator.journal.begin

    async def begun_and_forgotten(order: PendingOrder) -> None:
        await begin(order)
        await first.creator.journal.end(order.tag)

    first.creator.journal.begin = begun_and_forgotten  # type: ignore[method-assign]
    with pytest.raises(SignerdError, match="settled meanwhile"):
        await first.create(NAME)
    assert await world.orphans(first) == set()
    assert first.keys == {}


async def test_an_order_whose_fate_is_unknown_is_settled_in_the_same_life(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.life("first")
    create = technology.create

    async def unanswered(order: Order) -> Any:
        await create(order)
        raise SignerdError(Reason.PROVIDER_TIMEOUT, "no answer")

    monkeypatch.setattr(technology, "create", unanswered)
    running = asyncio.create_task(first.recovery.run())
    with pytest.raises(SignerdError, match="no answer"):
        await first.create(NAME)
    await until(lambda: NAME in first.keys)
    running.cancel()
    assert await world.orphans(first) == set()
