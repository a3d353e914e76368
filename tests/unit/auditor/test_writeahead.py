"""The write-ahead file beside the tiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tlogs import SHARD, TestLog, record, records, segment
from tests.unit.auditor.logs import OnDisk

COUNT = 300


def on_disk(directory: Path, *segments: bytes, first_number: int = 1) -> OnDisk:
    """A log of 300 records below its checkpoint, with these segments."""
    log = TestLog(records(COUNT))
    files = log.files(wal=False)
    for number, data in enumerate(segments, first_number):
        files[f"wal/{number:08d}.log"] = data
    return OnDisk(directory, log, files)


def pair(**second: object) -> tuple[bytes, bytes]:
    first = segment(records(260))
    fields = {"first": 261, "number": 2, "previous": len(first)} | second
    return first, segment(records(COUNT + 5)[260:], **fields)  # type: ignore[arg-type]


def test_two_segments(tmp_path: Path) -> None:
    report = on_disk(tmp_path, *pair()).verify()
    assert (report.problem, report.unproven, report.torn) == ("", 5, 0)


def test_the_oldest_segments_may_be_gone(tmp_path: Path) -> None:
    log = on_disk(tmp_path, segment(records(COUNT)[256:], first=257, number=4, previous=9), first_number=4)
    assert not log.verify().is_wrong


def test_but_not_before_their_records_are_in_full_bundles(tmp_path: Path) -> None:
    log = on_disk(tmp_path, segment(records(COUNT)[257:], first=258, number=4, previous=9), first_number=4)
    assert "begins with record 258" in log.problem()[1]


def test_bytes_behind_the_durable_length_are_no_records(tmp_path: Path) -> None:
    first, second = pair()
    assert not on_disk(tmp_path, first + segment(records(COUNT + 5)[260:])[-40:], second).verify().is_wrong


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"first": 262}, "begins with record 262"),
        ({"number": 3}, "is missing"),
        ({"previous": 100}, "had been durable"),
        ({"shard": "worker-1"}, "is of the log"),
        ({"instance": "other"}, "is of the log"),
        ({"more": 1}, "no valid header"),
    ],
)
def test_segments_that_do_not_fit(tmp_path: Path, fields: dict[str, object], said: str) -> None:
    assert said in on_disk(tmp_path, *pair(**fields)).problem()[1]


def test_a_torn_end_is_told_and_proves_nothing(tmp_path: Path) -> None:
    log = TestLog(records(20), tail=[record(21), record(22)])
    data = log.files()["wal/00000001.log"]
    disk = OnDisk(tmp_path, log)
    disk.put("wal/00000001.log", data[:-3])
    report = disk.verify(log.checkpoint())
    assert (report.problem, report.unproven, report.is_proven) == ("", 1, False)
    assert report.torn > 0


def test_a_segment_that_was_only_begun(tmp_path: Path) -> None:
    data = segment(records(COUNT))
    log = on_disk(tmp_path, data, b"SGNDLOG1\x00\x01")
    assert (log.verify().problem, log.verify().torn) == ("", 10)
    log.put("wal/00000002.log", b"x" + pair()[1][1:])
    assert log.problem()[0] == "wal/00000002.log"


def test_damage_is_no_torn_end(tmp_path: Path) -> None:
    log = TestLog(records(20), tail=[record(number) for number in range(21, 40)])
    data = bytearray(log.files()["wal/00000001.log"])
    data[data.index(b'"sequence":22')] ^= 1
    disk = OnDisk(tmp_path, log)
    disk.put("wal/00000001.log", bytes(data))
    assert "record 22 is damaged" in disk.problem()[1]


def test_it_must_reach_the_checkpoint(tmp_path: Path) -> None:
    assert "ends with record 299" in on_disk(tmp_path, segment(records(299))).problem()[1]
    (tmp_path / "wal" / "00000001.log").unlink()
    assert on_disk(tmp_path).problem() == ("wal", "has no segment")


@pytest.mark.parametrize("number", [1, 256, 257, 300])
def test_a_record_that_differs_is_named(tmp_path: Path, number: int) -> None:
    changed = records(COUNT, changed={number: {"key": "another"}})
    where, problem = on_disk(tmp_path, segment(changed)).problem()
    assert (where, "wal/" in problem) == (f"{SHARD}/{number}", True)


def test_records_behind_the_checkpoint_are_checked_too(tmp_path: Path) -> None:
    log = TestLog(records(20), tail=[record(21), record(22, time="2020-01-01T00:00:00.000000Z")])
    assert OnDisk(tmp_path, log).problem()[0] == f"{SHARD}/22"
