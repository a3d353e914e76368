"""A log with its sinks: where they go on, what waits for them, what an operator sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from signerd.audit.log import Listener, Log, open_log
from signerd.errors import Reason, SignerdError
from signerd.sinks import delivery, registry
from signerd.sinks.delivery import Gap
from signerd.sinks.fanout import Fanout
from tests.unit.audit.samples import make_record
from tests.unit.sinks.samples import Receiver, section, until

INSTANCE = "0123abcd"


@pytest.fixture
def receivers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Receiver]:
    """Receivers by the names of their sinks; a sink gets the one that stands here, or a new one."""
    found: dict[str, Receiver] = {}
    monkeypatch.setattr(registry, "build", lambda section, origin: found.setdefault(section.name, Receiver()))
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", 0.002)
    return found


@asynccontextmanager
async def running(directory: Path, **settings: object) -> AsyncIterator[tuple[Log, Fanout]]:
    sinks = Fanout([section(**{"name": "siem", **settings})])
    log = await open_log(directory, "worker-0", instance=INSTANCE, listener=Listener(release=sinks.release))
    try:
        shard = directory / "worker-0"
        await sinks.start(log, instance=INSTANCE, directory=shard, positions=directory.parent / "sinks")
        yield log, sinks
    finally:
        await sinks.close()
        await log.close()


async def append(log: Log, *operations: str) -> None:
    await asyncio.gather(*[log.append(make_record(operation=operation)).durable for operation in operations])


def operations_of(receiver: Receiver) -> list[str]:
    return [json.loads(one.json)["operation"] for one in receiver.taken]


async def until_taken(receiver: Receiver, count: int) -> None:
    await until(lambda: len(receiver.taken) >= count)


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    directory = tmp_path / "audit"
    directory.mkdir(mode=0o700)
    return directory


async def test_records_go_out_as_they_stand_in_the_log(audit: Path, receivers: dict[str, Receiver]) -> None:
    async with running(audit) as (log, _):
        await append(log, "one", "two", "three")
        await until_taken(receivers["siem"], 3)
    shown = [json.loads(one.json) for one in receivers["siem"].taken]
    assert [(one["operation"], one["sequence"], one["shard"]) for one in shown] == [
        ("one", 1, "worker-0"), ("two", 2, "worker-0"), ("three", 3, "worker-0"),
    ]  # fmt: skip
    assert receivers["siem"].closed


async def test_a_sink_goes_on_where_it_stopped(audit: Path, receivers: dict[str, Receiver]) -> None:
    async with running(audit) as (log, _):
        await append(log, "one", "two")
        await until_taken(receivers["siem"], 2)
    receivers["siem"].open.clear()
    async with running(audit, timeout=0.05) as (log, sinks):
        await append(log, "three")
        assert sinks.figures()[0].position == 2
    receivers["siem"].open.set()
    async with running(audit) as (log, _):
        await append(log, "four")
        await until_taken(receivers["siem"], 4)
    assert operations_of(receivers["siem"]) == ["one", "two", "three", "four"]


async def test_a_new_sink_begins_with_the_next_record(audit: Path, receivers: dict[str, Receiver]) -> None:
    async with running(audit, name="old") as (log, _):
        await append(log, "one")
    async with running(audit, name="new") as (log, _):
        await append(log, "two")
        await until_taken(receivers["new"], 1)
    assert operations_of(receivers["new"]) == ["two"]


async def test_an_optional_sink_that_hangs_delays_nothing(
    audit: Path, receivers: dict[str, Receiver]
) -> None:
    receivers["siem"] = Receiver()
    receivers["siem"].open.clear()
    async with running(audit, timeout=60.0) as (log, sinks):
        await append(log, *["sign"] * 50)
        (figures,) = sinks.figures()
        assert (log.healthy, figures.lag, figures.delivered, figures.required) == (True, 50, 0, False)
        receivers["siem"].open.set()


async def test_a_required_sink_holds_back_and_is_named(audit: Path, receivers: dict[str, Receiver]) -> None:
    receivers["siem"] = Receiver()
    receivers["siem"].open.clear()
    async with running(audit, timeout=0.05, required=True) as (log, sinks):
        for _ in range(3):
            with pytest.raises(SignerdError, match="sink siem, which is required") as raised:
                await append(log, "sign")
            assert raised.value.reason is Reason.AUDIT_UNAVAILABLE
        assert (log.healthy, log.writable, log.sequence) == (False, True, 3)
        assert "sink siem" in log.detail
        receivers["siem"].open.set()
        await until(lambda: log.healthy)
        await append(log, "again")
        assert sinks.figures()[0].detail == ""
    assert [one.sequence for one in receivers["siem"].taken] == [1, 2, 3, 4]


async def test_a_required_sink_has_each_record_before_it_is_released(
    audit: Path, receivers: dict[str, Receiver]
) -> None:
    async with running(audit, timeout=30.0, required=True) as (log, _):
        for number in range(1, 30):
            await append(log, *["sign"] * (number % 5 + 1))
            assert receivers["siem"].taken[-1].sequence == log.sequence
    sequences = receivers["siem"].sequences
    assert sequences == list(range(1, log.sequence + 1))


async def test_a_gap_is_a_record_that_the_sink_gets_too(audit: Path, receivers: dict[str, Receiver]) -> None:
    receivers["siem"] = Receiver()
    receivers["siem"].open.clear()
    async with running(audit, queue=1000, timeout=0.02) as (log, sinks):
        for _ in range(3):
            await append(log, *["sign"] * 500)
        receivers["siem"].open.set()
        await until(lambda: sinks.figures()[0].lag == 0 and sinks.figures()[0].dropped > 0)
        (figures,) = sinks.figures()
    (gap,) = [json.loads(one.json) for one in receivers["siem"].taken if b"records-dropped" in one.json]
    sequences = receivers["siem"].sequences
    first = next(number for number in range(1, 1502) if number not in sequences)
    last = first + figures.dropped - 1
    assert gap["detail"] == (
        f"sink siem: {figures.dropped} records, {first} to {last}, not delivered: it is too far behind"
    )
    assert sequences == [number for number in range(1, 1502) if not first <= number <= last]


async def test_no_gap_is_left_while_it_cannot_be_put_on_record(
    audit: Path, receivers: dict[str, Receiver]
) -> None:
    gap = Gap("siem", 1, 9, "it is too far behind")
    async with running(audit, required=True, timeout=0.05) as (log, sinks):
        receivers["siem"].open.clear()
        await sinks._left_out(gap)  # only the sink does not have the record
        log.failed(OSError(28, "No space left on device"))
        with pytest.raises(SignerdError):
            await sinks._left_out(gap)
        log.repaired()


async def test_without_sinks_nothing_is_kept(audit: Path) -> None:
    sinks = Fanout()
    log = await open_log(audit, "worker-0", instance=INSTANCE, listener=Listener(release=sinks.release))
    await sinks.start(log, instance=INSTANCE, directory=audit / "worker-0", positions=audit.parent / "sinks")
    await append(log, "one")
    assert (sinks.figures(), sinks._stream, sinks._tasks) == ([], None, [])
    assert not (audit.parent / "sinks").exists()
    await sinks.close()
    await log.close()


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("{")])
async def test_a_lost_position_costs_doubles_or_is_a_new_beginning(
    audit: Path, receivers: dict[str, Receiver], change: Callable[[Path], None]
) -> None:
    async with running(audit) as (log, _):
        await append(log, "one")
        await until_taken(receivers["siem"], 1)
    position = audit.parent / "sinks" / "siem" / "worker-0"
    change(position)
    damaged = position.exists()
    async with running(audit) as (log, _):
        await append(log, "two")
        await until(lambda: operations_of(receivers["siem"])[-1] == "two")
    assert operations_of(receivers["siem"]) == (["one", "one", "two"] if damaged else ["one", "two"])


async def test_a_rotation_reaches_the_sinks(audit: Path, receivers: dict[str, Receiver]) -> None:
    async with running(audit) as (_, sinks):
        sinks.reopen()
        assert receivers["siem"].reopened == 1
