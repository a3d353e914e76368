from __future__ import annotations

import asyncio
import errno
import json
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from signerd.audit.checking import check
from signerd.audit.groups import QUIET_TURNS, Group
from signerd.audit.log import Listener, Log, Tuning, open_log
from signerd.audit.reading import get_record
from signerd.audit.segments import Segment, segments_in
from signerd.errors import Reason, SignerdError
from tests.unit.audit.samples import FaultyDisk, Several, make_record

Opener = Callable[..., "asyncio.Future[Log]"]
FAST = Tuning(gather=0.0005, probe=0.01)


class Health(list[tuple[bool, str]]):
    """What the log told about itself."""

    def __call__(self, healthy: bool, detail: str) -> None:
        self.append((healthy, detail))


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def log(tmp_path: Path, faulty: FaultyDisk, health: Health) -> AsyncIterator[Log]:
    log = await open_log(
        tmp_path, "0", instance="i", tuning=FAST, listener=Listener(on_health=health), disk=faulty
    )
    yield log
    await log.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def refused(log: Log) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        await log.append(make_record()).durable
    return caught.value


def stored(directory: Path, last: int) -> list[dict[str, object]]:
    return [json.loads(get_record(directory, "0", number)) for number in range(1, last + 1)]


async def test_records_are_on_disk_when_their_future_is_done(log: Log, tmp_path: Path) -> None:
    ticket = log.append(make_record(key="one"))
    assert log.sequence == 0
    await ticket.durable

    assert (ticket.sequence, log.sequence) == (1, 1)
    found = json.loads(get_record(tmp_path, "0", 1))
    assert {"key": "one", "sequence": 1, "shard": "0", "v": 1}.items() <= found.items()
    assert found["time"].endswith("Z")


async def test_a_batch_takes_sequences_in_a_row(log: Log, tmp_path: Path) -> None:
    one = log.append(make_record(key="first"))
    many = log.append(Several([make_record(key=f"item-{number}") for number in range(100)]), 100)
    await many.durable

    assert (one.sequence, many.sequence, log.sequence) == (1, 2, 101)
    assert one.durable.done()
    assert [record["key"] for record in stored(tmp_path, 101)[1:]] == [
        f"item-{number}" for number in range(100)
    ]


async def test_many_at_once_share_a_few_writes(log: Log, faulty: FaultyDisk) -> None:
    async def caller() -> None:
        for _ in range(10):
            await log.append(make_record()).durable

    writes = faulty.writes
    await asyncio.gather(*(caller() for _ in range(64)))

    assert log.sequence == 640
    assert faulty.writes - writes < 100


async def test_a_caller_who_goes_away_takes_nobody_with_him(log: Log) -> None:
    async def caller() -> int:
        ticket = log.append(make_record())
        await ticket.durable
        return ticket.sequence

    gone, stays = asyncio.create_task(caller()), asyncio.create_task(caller())
    await asyncio.sleep(0)
    gone.cancel()

    assert await stays == 2
    assert log.sequence == 2


@pytest.mark.parametrize(
    ("entry", "announced"),
    [
        (Several([make_record(), make_record(detail=object())]), 2),
        (Several([make_record()]), 2),
    ],
)
async def test_records_that_can_not_be_made_turn_away_their_group_and_change_nothing(
    log: Log, entry: Several, announced: int
) -> None:
    beside = log.append(make_record())
    ticket = log.append(entry, announced)
    for waiting in (beside, ticket):
        with pytest.raises(SignerdError) as caught:
            await waiting.durable
        assert caught.value.reason is Reason.INTERNAL

    after = log.append(make_record())
    await after.durable
    assert (after.sequence, log.sequence, log.healthy) == (1, 1, True)


@pytest.mark.parametrize("partial", [0, 1, 25, 150])
@pytest.mark.parametrize("stuck", [False, True], ids=["cut back", "can not be cut"])
async def test_after_a_failure_the_log_goes_on_by_itself_without_a_gap(
    log: Log, faulty: FaultyDisk, tmp_path: Path, health: Health, partial: int, stuck: bool
) -> None:
    await log.append(make_record(key="before")).durable
    durable = log.end
    faulty.fault, faulty.partial, faulty.stuck = errno.ENOSPC, partial, stuck
    failed = await refused(log)
    refusals = [await refused(log), await refused(log)]
    assert not log.healthy
    faulty.fault = None
    await until(lambda: log.healthy and log.sequence == 2)
    after = log.append(make_record(key="after"))
    await after.durable

    assert {error.reason for error in [failed, *refusals]} == {Reason.AUDIT_UNAVAILABLE}
    assert "No space left on device" in failed.message
    assert failed.retry_after == 1
    assert after.sequence == 3
    assert [record.get("key", record["operation"]) for record in stored(tmp_path, 3)] == [
        "before",
        "audit-recovered",
        "after",
    ]
    assert str(stored(tmp_path, 2)[1]["detail"]).startswith("3 requests turned away; ")
    assert [healthy for healthy, _ in health] == [False, True]
    length = segments_in(tmp_path / "0")[0].stat().st_size
    assert (length > durable.length) is (stuck and partial > 0)
    assert check(tmp_path / "0") == 3


async def test_those_in_flight_and_those_who_gather_are_all_turned_away(log: Log, faulty: FaultyDisk) -> None:
    faulty.fault = errno.EIO
    faulty.gate.clear()
    in_flight = log.append(make_record())
    await until(lambda: faulty.waiting)
    gathered = log.append(Several([make_record(), make_record()]), 2)
    faulty.gate.set()
    results = await asyncio.gather(in_flight.durable, gathered.durable, return_exceptions=True)

    assert [error.reason for error in results if isinstance(error, SignerdError)] == [
        Reason.AUDIT_UNAVAILABLE
    ] * 2
    assert log.sequence == 0


async def test_too_much_in_memory_is_refused_and_nothing_is_lost(tmp_path: Path, faulty: FaultyDisk) -> None:
    tuning = Tuning(group_records=3, probe=0.01)
    log = await open_log(tmp_path, "0", instance="i", tuning=tuning, disk=faulty)
    faulty.gate.clear()
    tickets = [log.append(make_record())]
    await until(lambda: faulty.waiting)
    caught = None
    while caught is None and len(tickets) < 100:
        try:
            tickets.append(log.append(make_record()))
        except SignerdError as error:
            caught = error
    faulty.gate.set()
    await asyncio.gather(*(ticket.durable for ticket in tickets))

    assert caught is not None
    assert caught.reason is Reason.OVERLOADED
    assert caught.retry_after
    assert 1 < log.sequence == len(tickets) < 20
    await log.close()


async def test_a_removed_segment_is_noticed_and_put_back(log: Log, tmp_path: Path) -> None:
    await log.append(make_record(key="kept")).durable
    segments_in(tmp_path / "0")[0].unlink()

    assert (await refused(log)).reason is Reason.AUDIT_UNAVAILABLE
    await until(lambda: log.healthy and log.sequence == 2)
    assert stored(tmp_path, 1)[0]["key"] == "kept"
    assert check(tmp_path / "0") == 2


async def test_a_segment_that_was_replaced_by_a_copy_is_noticed(log: Log, tmp_path: Path) -> None:
    await log.append(make_record()).durable
    path = segments_in(tmp_path / "0")[0]
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes().replace(b"team-a", b"team-b"))
    copy.rename(path)

    assert "removed or replaced" in (await refused(log)).message
    await until(lambda: log.healthy)
    assert b"team-b" not in path.read_bytes()


@pytest.mark.parametrize(
    "change", [lambda data: data + b"x", lambda data: data[:-1]], ids=["longer", "shorter"]
)
async def test_a_segment_somebody_else_wrote_to_is_noticed(
    log: Log, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    await log.append(make_record()).durable
    path = segments_in(tmp_path / "0")[0]
    path.write_bytes(change(path.read_bytes()))

    assert "changed by somebody else" in (await refused(log)).message


async def test_durable_records_cut_off_by_somebody_stop_the_log_for_good(log: Log, tmp_path: Path) -> None:
    await log.append(Several([make_record() for _ in range(20)]), 20).durable
    path = segments_in(tmp_path / "0")[0]
    path.write_bytes(path.read_bytes()[:300])
    await refused(log)
    await asyncio.sleep(0.1)

    assert not log.healthy
    with pytest.raises(SignerdError, match=r"00000001\.log"):
        check(tmp_path / "0")


async def test_a_moved_directory_stops_the_log_until_it_is_back(log: Log, tmp_path: Path) -> None:
    await log.append(make_record()).durable
    (tmp_path / "0").rename(tmp_path / "moved")
    await refused(log)
    (tmp_path / "0").mkdir()
    await asyncio.sleep(0.1)
    assert not log.healthy
    (tmp_path / "0").rmdir()
    (tmp_path / "moved").rename(tmp_path / "0")
    await until(lambda: log.healthy and log.sequence == 2)

    assert check(tmp_path / "0") == 2


async def test_segments_roll_and_join(tmp_path: Path) -> None:
    tuning = Tuning(segment_bytes=2000)
    log = await open_log(tmp_path, "0", instance="i", tuning=tuning)
    for number in range(50):
        await log.append(make_record(key=f"k{number}", revision=number)).durable
    await log.close()
    again = await open_log(tmp_path, "0", instance="i", tuning=tuning)

    assert len(segments_in(tmp_path / "0")) > 3
    assert check(tmp_path / "0") == 50
    assert (again.sequence, again.revision) == (50, 49)
    assert [record["key"] for record in stored(tmp_path, 50)] == [f"k{number}" for number in range(50)]
    await again.close()


async def test_a_segment_that_can_not_be_rolled_turns_away(tmp_path: Path, faulty: FaultyDisk) -> None:
    tuning = Tuning(segment_bytes=1, probe=0.01)
    log = await open_log(tmp_path, "0", instance="i", tuning=tuning, disk=faulty)
    faulty.no_new = True
    assert (await refused(log)).reason is Reason.AUDIT_UNAVAILABLE
    faulty.no_new = False
    await until(lambda: log.healthy and log.sequence == 1)
    await log.close()

    assert check(tmp_path / "0") == 1


async def test_close_makes_everything_durable_and_gives_the_directory_free(tmp_path: Path) -> None:
    log = await open_log(tmp_path, "0", instance="i")
    tickets = [log.append(make_record()) for _ in range(10)]
    with pytest.raises(SignerdError) as caught:
        await open_log(tmp_path, "0", instance="i")
    await log.close()
    await log.close()

    assert caught.value.reason is Reason.HOME_IN_USE
    assert all(ticket.durable.done() and not ticket.durable.exception() for ticket in tickets)
    with pytest.raises(SignerdError) as closed:
        log.append(make_record())
    assert closed.value.reason is Reason.SHUTTING_DOWN
    again = await open_log(tmp_path, "0", instance="i")
    assert again.sequence == 10
    await again.close()


async def test_close_ends_also_while_the_disk_is_broken(tmp_path: Path, faulty: FaultyDisk) -> None:
    log = await open_log(tmp_path, "0", instance="i", tuning=FAST, disk=faulty)
    faulty.fault = errno.EROFS
    assert "Read-only file system" in (await refused(log)).message
    await asyncio.wait_for(log.close(), 5)


async def test_a_writer_that_dies_of_a_defect_stops_the_log(
    log: Log, faulty: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    faulty.defect = True
    error = await refused(log)
    await log.close()

    assert "its writer ended" in error.message
    assert not log.healthy


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "UPPER", "x" * 65, "\0"])
async def test_a_shard_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        await open_log(tmp_path, name, instance="i")


async def test_a_directory_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SignerdError, match="can't be opened: Not a directory"):
        await open_log(tmp_path / "file", "0", instance="i")


def test_a_group_is_settled_when_nobody_came_for_some_turns() -> None:
    group = Group(1, 0.0)
    turns = 0
    for coming in (1, 3, 0, 2):
        group.waiters.extend([None] * coming)  # type: ignore[list-item]
        assert not group.is_settled()

    while not group.is_settled():
        turns += 1

    assert turns == QUIET_TURNS - 1


async def come(log: Log, count: int, turns: int) -> None:
    """So many records, each some turns of the loop after the one before; returns when all are durable."""
    durable = []
    for _ in range(count):
        durable.append(log.append(make_record()).durable)
        for _ in range(turns):
            await asyncio.sleep(0)
    await asyncio.gather(*durable)


@pytest.mark.parametrize(
    ("turns", "gather", "least", "most"), [(3, 10.0, 1, 1), (3, 0.0, 2, 40), (QUIET_TURNS + 2, 10.0, 2, 40)]
)
async def test_who_comes_soon_shares_a_write(
    tmp_path: Path, turns: int, gather: float, least: int, most: int
) -> None:
    disk = FaultyDisk()
    log = await open_log(tmp_path, "0", instance="i", tuning=Tuning(gather=gather), disk=disk)
    before = disk.writes
    await come(log, 40, turns)

    assert least <= disk.writes - before <= most
    await log.close()


async def test_a_next_segment_that_somebody_else_filled_is_never_emptied(
    log: Log, faulty: FaultyDisk, tmp_path: Path
) -> None:
    foreign = tmp_path / "0" / "wal" / "00000002.log"
    foreign.write_bytes(b"x" * 5000)
    faulty.fault = errno.EIO
    await refused(log)
    faulty.fault = None
    await asyncio.sleep(0.1)

    assert not log.healthy
    assert foreign.read_bytes() == b"x" * 5000


async def test_what_a_failed_try_left_over_does_not_hinder_the_next(
    log: Log, faulty: FaultyDisk, tmp_path: Path
) -> None:
    (tmp_path / "0" / "wal" / "00000002.log").write_bytes(b"SGNDLOG1")
    faulty.fault = errno.EIO
    await refused(log)
    faulty.fault = None
    await until(lambda: log.healthy and log.sequence == 1)

    assert check(tmp_path / "0") == 1


async def test_a_segment_that_can_not_be_closed_hinders_no_one(
    tmp_path: Path, faulty: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = Segment.close, [OSError(errno.EIO, "Input/output error")]

    def close(segment: Segment) -> None:
        real(segment)
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(Segment, "close", close)
    log = await open_log(tmp_path, "0", instance="i", tuning=replace(FAST, segment_bytes=1), disk=faulty)
    for sequence in range(1, 4):
        ticket = log.append(make_record())
        await ticket.durable
        assert ticket.sequence == sequence
    assert not refusals
    await log.close()
    assert check(tmp_path / "0") == 3


async def test_a_log_ends_also_when_its_segment_can_not_be_closed(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Segment.close

    def close(segment: Segment) -> None:
        real(segment)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    monkeypatch.setattr(Segment, "close", close)
    await asyncio.wait_for(log.close(), 5)
