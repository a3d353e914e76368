"""Records by their time, in logs that are written plainly."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from signerd.audit.seeking import older_bundles, records_before, records_from, stamp_of
from tests.support.tlogs import BEGAN, TestLog, records

SIZE = 1000


def at(sequence: int) -> str:
    """The time of a record."""
    return stamp_of(BEGAN + timedelta(milliseconds=7 * sequence))


def shard(directory: Path, changed: dict[int, dict[str, object]] | None = None) -> Path:
    return TestLog(records(SIZE, changed=changed)).write(directory / "worker-0")


@pytest.mark.parametrize("sequence", [1, 2, 256, 257, 258, 512, 513, 700, SIZE, SIZE + 1])
def test_records_before_the_time_of_one_are_those_in_front_of_it(tmp_path: Path, sequence: int) -> None:
    assert records_before(shard(tmp_path), at(sequence), SIZE) == sequence - 1


@pytest.mark.parametrize("size", [0, 1, 256, 257, 900])
def test_no_more_records_are_looked_at_than_were_given(tmp_path: Path, size: int) -> None:
    directory = shard(tmp_path)
    assert records_before(directory, at(SIZE), size) == size
    assert records_before(directory, at(1), size) == 0


def test_pruned_records_were_before_any_time(tmp_path: Path) -> None:
    directory = shard(tmp_path)
    shutil.rmtree(directory / "wal")
    for level in ("0", "entries"):
        (directory / "tile" / level / "000").unlink()
    (directory / "minimum-index").write_text("256\n")

    assert records_before(directory, at(1), SIZE) == 256
    assert records_before(directory, at(300), SIZE) == 299


def test_records_from_an_index_on(tmp_path: Path) -> None:
    directory = shard(tmp_path)
    assert records_from(directory, 900, at(951)) == 50
    assert records_from(directory, 900, "~") == 100
    assert records_from(directory, SIZE, "~") == 0


@pytest.mark.parametrize(
    ("sequence", "limit", "index"),
    [(256, SIZE, 0), (257, SIZE, 256), (600, SIZE, 512), (SIZE + 1, SIZE, 768), (600, 511, 256), (600, 0, 0)],
)
def test_bundles_are_old_when_their_last_record_is(
    tmp_path: Path, sequence: int, limit: int, index: int
) -> None:
    assert older_bundles(shard(tmp_path), at(sequence), limit) == index


def test_one_young_record_keeps_its_bundle_and_all_behind_it(tmp_path: Path) -> None:
    ahead = shard(tmp_path, {300: {"time": at(5000)}})
    assert older_bundles(ahead, at(800), SIZE) == 256


def test_times_of_any_zone_become_those_of_records() -> None:
    moment = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert stamp_of(moment) == "2025-12-31T23:30:00.000000Z"
    assert stamp_of(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"
