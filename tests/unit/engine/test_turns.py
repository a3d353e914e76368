"""Room for batches is given in the order they came, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from signerd.engine.turns import Turns


class Batches:
    """Batches that hold their room until told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def _hold(self, name: str, items: int) -> None:
        async with self.turns.of(items):
            self.begun.append(name)
            await self.ends[name].wait()

    async def begin(self, name: str, items: int) -> None:
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._hold(name, items))
        await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await self.tasks[name]
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def batches() -> Batches:
    return Batches(Turns(10))


async def test_batches_begin_while_there_is_room(batches: Batches) -> None:
    for name, items in (("a", 6), ("b", 4), ("c", 1)):
        await batches.begin(name, items)
    assert batches.begun == ["a", "b"]
    await batches.end("b")
    assert batches.begun == ["a", "b", "c"]
    await batches.end("a")
    await batches.end("c")
    assert batches.turns.free == 10


async def test_a_small_one_does_not_overtake_a_large_one(batches: Batches) -> None:
    for name, items in (("a", 5), ("large", 8), ("small", 1)):
        await batches.begin(name, items)
    assert batches.begun == ["a"]
    await batches.end("a")
    assert batches.begun == ["a", "large", "small"]


async def test_who_goes_away_while_waiting_holds_up_nobody(batches: Batches) -> None:
    for name in ("a", "b", "c"):
        await batches.begin(name, 10)
    batches.tasks["b"].cancel()
    await asyncio.gather(batches.tasks["b"], return_exceptions=True)
    await batches.end("a")
    assert batches.begun == ["a", "c"]
    await batches.end("c")
    assert batches.turns.free == 10


async def test_who_goes_away_as_its_turn_comes_gives_it_on(batches: Batches) -> None:
    for name in ("a", "b", "c"):
        await batches.begin(name, 10)
    batches.ends["a"].set()
    await asyncio.sleep(0)  # a ends, and gives its room to b, which has not run yet
    batches.tasks["b"].cancel()
    await asyncio.gather(batches.tasks["a"], batches.tasks["b"], return_exceptions=True)
    await asyncio.sleep(0)
    assert batches.begun == ["a", "c"]
    await batches.end("c")
    assert batches.turns.free == 10


async def test_a_batch_that_fails_gives_its_room_back(batches: Batches) -> None:
    with pytest.raises(ZeroDivisionError):
        async with batches.turns.of(10):
            raise ZeroDivisionError
    assert batches.turns.free == 10
