"""Audit directories: shards that name each other, and those that are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from signerd.auditor.checkpoints import parse_checkpoint
from signerd.auditor.directories import absent, expected_records, shards_in, verify_directory
from signerd.auditor.shards import Given, ShardReport
from signerd.auditor.vkeys import parse_log_keys
from signerd.errors import Reason, SignerdError
from tests.support.tlogs import TestLog, b64, mth, records

SECOND = "worker-0-2"


def after(first: TestLog, size: int, root: bytes | None = None) -> TestLog:
    """A shard that says it follows another, which had `size` records."""
    head = b64(mth(first.leaves[:size]) if root is None else root)
    detail = f"after {first.shard}, last known with {size} records, root {head}, SHA-256 of the note {64 * '0'}: why"
    begun = {"operation": "shard-begun", "detail": detail, "key": None, "algorithm": None, "digest": None}
    return TestLog(records(20, SECOND, changed={1: begun}), shard=SECOND)


def reports(directory: Path, *logs: TestLog) -> dict[str, ShardReport]:
    for log in logs:
        log.write(directory / log.shard, wal=False)
    given = Given(keys=parse_log_keys(b"".join(log.log_pub for log in logs)))
    return {report.shard: report for report in verify_directory(shards_in(directory), given)}


def test_shards_of_a_directory(tmp_path: Path) -> None:
    first = TestLog(records(300))
    found = reports(tmp_path, first, after(first, 280))
    assert {name: (one.problem, one.checked) for name, one in found.items()} == {
        "worker-0": ("", 300),
        SECOND: ("", 20),
    }
    assert expected_records(shards_in(tmp_path)) == 320


def test_a_shard_that_was_cut_is_found_by_the_one_after_it(tmp_path: Path) -> None:
    whole = TestLog(records(300))
    found = reports(tmp_path, TestLog(records(280)), after(whole, 300))
    assert found[SECOND].problem == ""
    assert (found["worker-0"].where, "ends at 280" in found["worker-0"].problem) == (f"{SECOND}/1", True)


def test_a_shard_that_is_another_one(tmp_path: Path) -> None:
    first = TestLog(records(300))
    assert reports(tmp_path, first, after(first, 300, bytes(32)))["worker-0"].where == f"{SECOND}/1"


def test_a_shard_after_one_that_is_not_here(tmp_path: Path) -> None:
    assert reports(tmp_path, after(TestLog(records(300)), 300))[SECOND].problem == ""


def test_exchanged_shards_are_found(tmp_path: Path) -> None:
    first, second = TestLog(records(5)), TestLog(records(5, "worker-1"), shard="worker-1")
    reports(tmp_path, first, second)
    (tmp_path / "worker-0").rename(tmp_path / "x")
    (tmp_path / "worker-1").rename(tmp_path / "worker-0")
    (tmp_path / "x").rename(tmp_path / "worker-1")
    given = Given(keys=parse_log_keys(first.log_pub + second.log_pub))
    assert [report.where for report in verify_directory(shards_in(tmp_path), given)] == [
        "checkpoint",
        "checkpoint",
    ]


def test_one_shard_may_have_another_name(tmp_path: Path) -> None:
    TestLog(records(5)).write(tmp_path / "copy")
    assert shards_in(tmp_path / "copy") == {"worker-0": tmp_path / "copy"}


def test_a_directory_without_a_log(tmp_path: Path) -> None:
    (tmp_path / "worker-0").mkdir()
    with pytest.raises(SignerdError) as caught:
        shards_in(tmp_path)
    assert caught.value.reason is Reason.AUDIT_FORMAT_INVALID


def test_a_shard_that_a_kept_checkpoint_names_must_be_there() -> None:
    log = TestLog(records(5))
    given = Given(keys=(), since=[parse_checkpoint(log.checkpoint())])
    assert absent(given, ["other/worker-0"]) == [log.origin]
    assert absent(given, [log.origin]) == []


@pytest.mark.parametrize("damage", [b"", b"x", b"\x00\x05{\xff}ab"])
def test_claims_of_damaged_shards_are_left_out(tmp_path: Path, damage: bytes) -> None:
    first = TestLog(records(5))
    reports(tmp_path, first, after(first, 5))
    (tmp_path / SECOND / "tile/entries/000.p/20").write_bytes(damage)
    given = Given(keys=parse_log_keys(first.log_pub))
    found = list(verify_directory(shards_in(tmp_path), given))
    assert [report.is_wrong for report in found] == [False, True]
