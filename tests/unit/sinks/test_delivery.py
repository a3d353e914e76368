"""A sink gets every record in order and at least once; what an optional one can't have is a named gap."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from signerd.errors import Reason, SignerdError
from signerd.sinks import delivery
from signerd.sinks.base import TooLarge, Unaccepted
from signerd.sinks.stream import MOST_RECORDS
from tests.unit.sinks.samples import Followed, entry, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.002)


async def test_records_are_delivered_in_order_byte_for_byte() -> None:
    async with Followed() as followed:
        followed.add(1, 3)
        followed.add(4, 4)
        await until(lambda: followed.delivery.position == 4)
        assert followed.receiver.taken == [entry(sequence) for sequence in range(1, 5)]
        assert (followed.delivery.delivered, followed.delivery.lag, followed.log.reads) == (4, 0, [])


@pytest.mark.parametrize("required", [False, True])
async def test_only_an_optional_sink_waits_for_more_to_come(required: bool) -> None:
    async with Followed(required=required, timeout=5.0) as followed:
        for sequence in range(1, 21):
            followed.add(sequence, sequence)
            await asyncio.sleep(0.0005)
        await until(lambda: not followed.delivery.lag)
        assert (len(followed.receiver.sizes) > 10) == required


async def test_what_was_missed_comes_from_the_log() -> None:
    async with Followed(newest=600, position=10) as followed:
        followed.add(601, 601)
        await until(lambda: followed.delivery.lag == 0)
        assert followed.receiver.sequences == list(range(11, 602))
        assert followed.log.reads[0] == (11, 10 + MOST_RECORDS)
        assert max(followed.receiver.sizes) <= MOST_RECORDS


async def test_memory_is_bounded_and_the_log_has_the_rest() -> None:
    followed = Followed(kept=2000)
    for sequence in range(1, 101):
        followed.add(sequence, sequence)
    async with followed:
        await until(lambda: followed.delivery.lag == 0)
    assert followed.receiver.sequences == list(range(1, 101))
    assert followed.log.reads


async def test_after_a_failure_the_same_records_are_sent_again() -> None:
    async with Followed() as followed:
        followed.receiver.faults = [
            OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)),
            Unaccepted("500"),
        ]
        followed.add(1, 2)
        await until(lambda: followed.delivery.lag == 0)
        assert followed.receiver.sequences == [1, 2]
        assert (followed.delivery.failures, followed.delivery.detail, followed.delivery.dropped) == (2, "", 0)


async def test_what_went_wrong_is_told_while_it_lasts() -> None:
    async with Followed() as followed:
        followed.receiver.faults = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))] * 10_000
        followed.add(1, 1)
        await until(lambda: followed.delivery.failures > 1)
        assert followed.delivery.detail == "No space left on device"
        followed.receiver.faults.clear()
        await until(lambda: not followed.delivery.lag)
        assert followed.delivery.detail == ""


async def test_a_sink_that_hangs_is_given_up_after_its_time() -> None:
    async with Followed(timeout=0.02) as followed:
        followed.receiver.open.clear()
        followed.add(1, 1)
        await until(lambda: followed.delivery.failures > 1)
        assert followed.delivery.detail == "it did not take the records within 0.02 s"
        followed.receiver.open.set()
        await until(lambda: followed.receiver.sequences == [1])


async def test_a_defect_in_a_sender_ends_nothing() -> None:
    async with Followed() as followed:
        followed.receiver.faults = [ZeroDivisionError("secret")]
        followed.add(1, 1)
        await until(lambda: followed.delivery.failures == 1)
        await until(lambda: followed.receiver.sequences == [1])


async def test_an_optional_sink_that_is_too_far_behind_leaves_out_a_counted_gap() -> None:
    async with Followed(newest=5000, queue=1000) as followed:
        followed.add(5001, 5001)
        await until(lambda: not followed.delivery.lag)
        assert [(gap.first, gap.last, gap.records) for gap in followed.gaps] == [(1, 4501, 4501)]
        assert followed.receiver.sequences == list(range(4502, 5002))
        assert followed.delivery.dropped + followed.delivery.delivered == 5001


async def test_a_required_sink_leaves_nothing_out() -> None:
    async with Followed(newest=3000, queue=1000, required=True) as followed:
        await until(lambda: not followed.delivery.lag)
        assert (followed.receiver.sequences, followed.gaps) == (list(range(1, 3001)), [])


@pytest.mark.parametrize("required", [False, True])
async def test_what_was_removed_from_the_log_is_a_gap(required: bool) -> None:
    followed = Followed(newest=300, required=required)
    followed.log.oldest = 257
    async with followed:
        await until(lambda: not followed.delivery.lag)
    assert [(gap.first, gap.last) for gap in followed.gaps] == [(1, 256)]
    assert followed.receiver.sequences == list(range(257, 301))


async def test_no_gap_without_a_record_of_it() -> None:
    followed = Followed(newest=5000)
    followed.refused_gap = SignerdError(Reason.AUDIT_UNAVAILABLE, "disk full")
    async with followed:
        await until(lambda: followed.delivery.failures > 1)
        assert (followed.delivery.position, followed.delivery.dropped) == (0, 0)
        followed.refused_gap = None
        await until(lambda: not followed.delivery.lag)


async def test_a_delivery_that_is_too_large_is_split_until_it_fits() -> None:
    async with Followed() as followed:
        followed.receiver.too_large = lambda entries: TooLarge("413") if len(entries) > 7 else None
        followed.add(1, 40)
        await until(lambda: not followed.delivery.lag)
        assert followed.receiver.sequences == list(range(1, 41))
        assert max(followed.receiver.sizes) <= 7


async def test_one_record_that_is_too_large_is_left_out_of_an_optional_sink_only() -> None:
    async with Followed() as followed:
        followed.receiver.too_large = lambda some: (
            TooLarge("413") if 5 in [one.sequence for one in some] else None
        )
        followed.add(1, 9)
        await until(lambda: not followed.delivery.lag)
        assert followed.receiver.sequences == [1, 2, 3, 4, 6, 7, 8, 9]
        assert [(gap.first, gap.last) for gap in followed.gaps] == [(5, 5)]
    async with Followed(required=True) as strict:
        strict.receiver.too_large = lambda entries: TooLarge("413")
        strict.add(1, 2)
        await until(lambda: strict.delivery.failures > 1)
        assert (strict.delivery.position, strict.gaps) == (0, [])


async def test_a_sink_may_ask_to_be_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("signerd.sinks.delivery.asyncio.sleep", sleep)
    followed = Followed()
    for problem in (Unaccepted("429", 7.0), Unaccepted("503", 1e6), Unaccepted("500")):
        await followed.delivery._failed(problem)
    low, high = 0.75, 1.25
    assert low * 7 <= pauses[0] <= high * 7
    assert pauses[1] <= high * delivery.LONGEST_RETRY_AFTER
    assert pauses[2] <= high * delivery.LONGEST_PAUSE


async def test_a_last_chance_is_no_longer_than_one_delivery() -> None:
    async with Followed(timeout=0.05) as followed:
        followed.receiver.open.clear()
        followed.add(1, 1)
        await followed.delivery.finish()
        assert followed.delivery.lag == 1
