"""With a required sink a signature is released when the sink has its record, and not otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from signerd.errors import Reason, SignerdError
from signerd.sinks.delivery import Delivery
from signerd.sinks.holding import Holding
from signerd.sinks.stream import MOST_RECORDS
from tests.unit.sinks.samples import Followed, until


class Waiting:
    """A group and what became of it."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.bodies: list[bytes] = []
        self.outcome: str | SignerdError = ""

    def release(self) -> None:
        self.outcome = "released"

    def fail(self, error: Callable[[], SignerdError]) -> None:
        self.outcome = error()


class Held:
    """A holding for sinks that are moved by hand."""

    def __init__(self, *names: str, timeout: float = 0.03) -> None:
        self.followed = [Followed(name=name, required=True, timeout=timeout) for name in names]
        self.holds: list[str] = []
        self.holding = Holding([one.delivery for one in self.followed], self.holds.append)

    def sink(self, index: int = 0) -> Delivery:
        return self.followed[index].delivery

    def newest(self, sequence: int) -> None:
        for one in self.followed:
            one.stream.newest = sequence

    def accept(self, position: int, index: int = 0) -> None:
        self.sink(index).position = position
        self.holding.moved()


async def test_groups_are_released_in_order_as_the_sink_takes_them() -> None:
    held = Held("siem", timeout=30)
    groups = [Waiting(1, 3), Waiting(4, 4), Waiting(5, 9)]
    for group in groups:
        held.holding.add(group)
    held.accept(2)
    assert [group.outcome for group in groups] == ["", "", ""]
    held.accept(4)
    assert [group.outcome for group in groups] == ["released", "released", ""]
    held.accept(9)
    assert (groups[2].outcome, held.holds) == ("released", [])


async def test_all_required_sinks_must_have_it() -> None:
    held = Held("one", "two", timeout=30)
    group = Waiting(1, 1)
    held.holding.add(group)
    held.accept(1, 0)
    assert group.outcome == ""
    held.accept(1, 1)
    assert group.outcome == "released"


async def test_after_the_time_limit_the_sink_is_named_and_nobody_waits_any_more() -> None:
    held = Held("one", "two")
    held.accept(5, 0)
    held.sink(1).detail = "Connection refused"
    first, later = Waiting(1, 1), Waiting(2, 2)
    held.holding.add(first)
    await until(lambda: first.outcome != "")
    assert isinstance(first.outcome, SignerdError)
    assert first.outcome.reason is Reason.AUDIT_UNAVAILABLE
    why = "sink two, which is required, does not take audit records: Connection refused"
    assert (first.outcome.message, held.holds) == (why, [why])
    held.holding.add(later)
    assert isinstance(later.outcome, SignerdError)
    assert later.outcome is not first.outcome


async def test_signing_goes_on_when_the_sink_has_caught_up() -> None:
    held = Held("siem")
    held.newest(1000)
    group = Waiting(1, 1)
    held.holding.add(group)
    await until(lambda: held.holds != [])
    held.accept(1000 - MOST_RECORDS)
    assert len(held.holds) == 1
    held.accept(1000)
    assert held.holds[1:] == [""]
    after = Waiting(1001, 1001)
    held.holding.add(after)
    held.accept(1001)
    assert after.outcome == "released"


async def test_one_sink_that_comes_back_is_not_enough() -> None:
    held = Held("one", "two")
    held.newest(1)
    held.holding.add(Waiting(1, 1))
    await until(lambda: held.holds != [])
    held.sink(1).detail = "Connection refused"
    held.accept(1, 0)
    assert held.holds[1:] == []
    held.sink(1).detail = ""
    held.accept(1, 1)
    assert held.holds[1:] == [""]


async def test_each_group_has_the_whole_time() -> None:
    held = Held("siem", timeout=0.2)
    loop = asyncio.get_running_loop()
    first, second = Waiting(1, 1), Waiting(2, 2)
    held.holding.add(first)
    await asyncio.sleep(0.1)
    held.accept(1)
    began = loop.time()
    held.holding.add(second)
    await until(lambda: second.outcome != "")
    assert first.outcome == "released"
    assert loop.time() - began >= 0.2


@pytest.mark.parametrize("taken", [0, 1])
async def test_at_the_end_nobody_is_left_waiting(taken: int) -> None:
    held = Held("siem", timeout=30)
    group = Waiting(1, 1)
    held.holding.add(group)
    held.accept(taken)
    held.holding.give_up()
    assert (group.outcome == "released") == bool(taken)
