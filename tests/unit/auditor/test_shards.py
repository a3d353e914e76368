"""Shards: what is proven of them, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from signerd.auditor.policies import parse_policy
from signerd.auditor.shards import Given, verify_shard
from tests.support.tlogs import Signer, TestLog, bundle, checkpoint, record, records, tile_name, tiles
from tests.unit.auditor.logs import OnDisk

WITNESS = Signer("witness.example/w", 4, 5)
POLICY = parse_policy(f"witness w {WITNESS.vkey}\nquorum w\n".encode())


@pytest.mark.parametrize("count", [1, 255, 256, 257, 600])
def test_nothing_is_wrong_and_the_end_unproven(tmp_path: Path, count: int) -> None:
    report = OnDisk(tmp_path, TestLog(records(count))).verify()
    assert (report.problem, report.size, report.checked, report.unproven) == ("", count, count, 0)
    assert not report.is_end_proven
    assert not report.is_proven


def test_a_log_of_three_levels(tmp_path: Path) -> None:
    log = TestLog(records(65_800))
    assert OnDisk(tmp_path, log, log.files(wal=False)).verify(log.checkpoint(65_540)).is_proven


def test_a_mirror_has_no_write_ahead_file(tmp_path: Path) -> None:
    log = TestLog(records(300))
    assert OnDisk(tmp_path, log, log.files(wal=False)).verify(log.checkpoint()).is_proven


@pytest.mark.parametrize("kept", [1, 255, 256, 257, 300])
def test_a_checkpoint_kept_elsewhere_proves_the_end(tmp_path: Path, kept: int) -> None:
    log = TestLog(records(300))
    report = OnDisk(tmp_path, log).verify(log.checkpoint(kept))
    assert report.kept == kept
    assert report.is_proven


def test_an_older_copy_is_found(tmp_path: Path) -> None:
    log = TestLog(records(300))
    older = OnDisk(tmp_path, TestLog(records(280)))
    assert not older.verify().is_wrong
    where, problem = older.problem(log.checkpoint())
    assert where == "since-0"
    assert "has 300 records; the log ends at 280" in problem


def test_another_history_is_found(tmp_path: Path) -> None:
    other = TestLog(records(300, changed={7: {"key": "another"}}))
    where, problem = OnDisk(tmp_path, TestLog(records(300))).problem(other.checkpoint(256))
    assert (where, "root" in problem) == ("since-0", True)


def test_a_later_checkpoint_proves_what_only_the_write_ahead_file_has(tmp_path: Path) -> None:
    log = TestLog(records(290), tail=[record(number) for number in range(291, 306)])
    report = OnDisk(tmp_path, log).verify(TestLog(records(300)).checkpoint())
    assert (report.problem, report.kept, report.unproven) == ("", 300, 5)
    assert not report.is_proven


def test_a_kept_checkpoint_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    log = TestLog(records(20))
    forged = checkpoint(log.origin, log.leaves[:10], [Signer(log.origin, 1, 99)])
    assert "not given" in OnDisk(tmp_path, log).problem(forged)[1]


def test_checkpoints_of_other_logs_prove_nothing_here(tmp_path: Path) -> None:
    other = TestLog(records(20, "worker-1"), shard="worker-1")
    assert OnDisk(tmp_path, TestLog(records(20))).verify(other.checkpoint()).kept is None


def witnessed(directory: Path, now: int = 1000) -> OnDisk:
    log = TestLog(records(20), now=now)
    log.signers.append(WITNESS)
    return OnDisk(directory, log)


def test_a_quorum_proves_the_end(tmp_path: Path) -> None:
    report = witnessed(tmp_path).verify(policy=POLICY, witnessed_after=900)
    assert report.witnessed == 1000
    assert report.is_proven


def test_an_old_cosignature_proves_no_end(tmp_path: Path) -> None:
    report = witnessed(tmp_path).verify(policy=POLICY, witnessed_after=1001)
    assert (report.problem, report.witnessed, report.is_proven) == ("", 1000, False)


def test_no_cosignature_proves_no_end(tmp_path: Path) -> None:
    report = OnDisk(tmp_path, TestLog(records(20))).verify(policy=POLICY)
    assert (report.problem, report.witnessed, report.is_proven) == ("", None, False)


def test_a_wrong_cosignature_is_wrong(tmp_path: Path) -> None:
    log = witnessed(tmp_path)
    text = log.log.checkpoint().decode()
    log.put(
        "checkpoint",
        text.replace(
            WITNESS.line(text.partition("\n\n")[0] + "\n", 1000), WITNESS.line("other", 1000)
        ).encode(),
    )
    assert not log.verify().is_wrong
    assert "witness.example/w" in log.problem(policy=POLICY)[1]


def test_a_log_that_the_policy_does_not_know(tmp_path: Path) -> None:
    policy = parse_policy(f"log {Signer('log.example').vkey}\nquorum none\n".encode())
    assert "no log of the witness policy" in witnessed(tmp_path).problem(policy=policy)[1]


def test_a_log_of_another_name_or_key(tmp_path: Path) -> None:
    log = OnDisk(tmp_path, TestLog(records(20)))
    assert "not given" in log.problem(keys=Signer(log.log.origin, 1, 9).vkey.encode())[1]
    assert "no key was given" in log.problem(keys=Signer("other/worker-0").vkey.encode())[1]
    assert "not of one named worker-1" in verify_shard(log.directory, "worker-1", Given(keys=())).problem


@pytest.mark.parametrize(
    "name",
    [
        "checkpoint",
        "tile/0/000",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    log = OnDisk(tmp_path, TestLog(records(600)))
    log.remove(name)
    where, problem = log.problem()
    assert (where, "is missing" in problem) == (name, True)


def test_older_partial_tiles_are_the_beginning_of_newer_ones(tmp_path: Path) -> None:
    log = OnDisk(tmp_path, TestLog(records(600)))
    older = TestLog(records(530))
    for name, data in {
        **tiles(older.leaves),
        tile_name("entries", 2, 18): bundle(older.entries[512:]),
    }.items():
        log.put(name, data)
    assert not log.verify().is_wrong
    wrong = bundle(records(530, changed={520: {"key": "x"}})[512:])
    log.put(tile_name("entries", 2, 18), wrong)
    assert log.problem()[0] == "tile/entries/002.p/18"


@pytest.mark.parametrize(
    "name", ["tile/0/002.p/89", "tile/0/003.p/1", "tile/1/000.p/3", "tile/2/000.p/1", "tile/0/002"]
)
def test_tiles_beyond_the_end_are_named(tmp_path: Path, name: str) -> None:
    log = OnDisk(tmp_path, TestLog(records(600)))
    width = int(name.partition(".p/")[2] or 256)
    log.put(name, bytes(32 * width))
    assert log.problem()[0] in (name, "worker-0/513")


def test_tiles_ahead_of_the_checkpoint_follow_the_write_ahead_file(tmp_path: Path) -> None:
    ahead = TestLog(records(600))
    log = TestLog(records(500), tail=[record(number) for number in range(501, 601)])
    files = {**ahead.files(), **log.files()}
    report = OnDisk(tmp_path, log, files).verify()
    assert (report.problem, report.size, report.unproven) == ("", 500, 100)


def test_unknown_files_are_named(tmp_path: Path) -> None:
    log = OnDisk(tmp_path, TestLog(records(3)))
    for name in ("notes.txt", "tile/0/0", "tile/entries/000.p/003", "wal/1.log", "wal/00000000.log"):
        log.put(name, b"x")
    (tmp_path / "tile" / "link").symlink_to(tmp_path / "lock")
    report = log.verify()
    assert not report.is_wrong
    assert sorted(report.unknown) == sorted(
        ["notes.txt", "tile/0/0", "tile/entries/000.p/003", "tile/link/", "wal/00000000.log", "wal/1.log"]
    )


def pruned(directory: Path, recorded: int, removed: int = 512) -> OnDisk:
    """A log of 1,300 records whose first `removed` are gone."""
    detail = {"operation": "audit-pruned", "detail": f"minimum index {recorded}, root x"}
    log = TestLog(records(1300, changed={1200: detail}))
    files = log.files(wal=False)
    for index in range(removed // 256):
        del files[tile_name("entries", index)], files[tile_name(0, index)]
    return OnDisk(directory, log, files)


@pytest.mark.parametrize("recorded", [512, 600, 1000])
def test_a_pruned_log(tmp_path: Path, recorded: int) -> None:
    log = pruned(tmp_path, recorded)
    log.put("minimum-index", f"{recorded}\n".encode())
    report = log.verify(log.log.checkpoint(1290))
    assert (report.problem, report.first, report.checked, report.is_proven) == ("", 513, 788, True)
    assert log.verify(log.log.checkpoint(500)).kept is None


def test_what_is_missing_must_be_on_record_as_pruned(tmp_path: Path) -> None:
    where, problem = pruned(tmp_path, 511).problem()
    assert (where, "no record says that it was pruned" in problem) == ("tile/entries/001", True)


def test_the_minimum_index_must_be_on_record(tmp_path: Path) -> None:
    log = pruned(tmp_path, 600)
    for text in (b"601\n", b"600", b"x\n", b"0600\n"):
        log.put("minimum-index", text)
        assert log.problem()[0] == "minimum-index"


def test_a_tile_left_by_pruning_must_fit(tmp_path: Path) -> None:
    log = pruned(tmp_path, 600)
    log.put("tile/0/000", tiles(log.log.leaves)["tile/0/000"])
    assert not log.verify().is_wrong
    log.put("tile/0/000", tiles(log.log.leaves)["tile/0/002"])
    assert log.problem()[0] == "tile/0/000"


def test_a_bundle_has_as_many_entries_as_its_name_says(tmp_path: Path) -> None:
    log = TestLog(records(50), tail=[record(number) for number in range(51, 61)])
    disk = OnDisk(tmp_path, log)
    disk.put("tile/entries/000.p/50", bundle(records(60)))
    assert disk.problem() == ("tile/entries/000.p/50", "has 60 entries, not 50")
