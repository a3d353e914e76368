"""Entries of a log that are partly in bundles, partly ahead in the write-ahead file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signerd.audit.checking import check
from signerd.audit.log import Log
from signerd.audit.reading import entries, get_record, list_records
from signerd.audit.segments import segments_in
from signerd.errors import Reason, SignerdError
from tests.unit.audit.proven_logs import fill, opened, publish

SIZE = 700


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    """700 records: 512 of them in full bundles, up to 600 in a partial one."""
    log = await opened(tmp_path)
    await fill(log, 600)
    await publish(log)
    await fill(log, 100)
    yield log
    await log.close()


def numbers(bodies: object) -> list[int]:
    return [json.loads(body)["sequence"] - 1 for body in bodies]  # type: ignore[attr-defined]


def test_the_write_ahead_file_has_only_the_newest(log: Log, tmp_path: Path) -> None:
    assert min(int(path.stem) for path in segments_in(tmp_path / "0")) > 1


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (0, 0),
        (0, 699),
        (255, 256),
        (256, 511),
        (511, 512),
        (550, 599),
        (599, 600),
        (600, 699),
        (699, 699),
        (5, 4),
    ],
)
def test_all_between_two_indices_come_in_order(log: Log, tmp_path: Path, first: int, last: int) -> None:
    assert numbers(entries(tmp_path / "0", first, last)) == list(range(first, last + 1))


@pytest.mark.parametrize(("first", "expected"), [(690, list(range(690, 700))), (700, []), (10_000, [])])
def test_behind_the_end_there_is_nothing(log: Log, tmp_path: Path, first: int, expected: list[int]) -> None:
    assert numbers(entries(tmp_path / "0", first, 20_000)) == expected


def test_every_record_is_found_by_its_position(log: Log, tmp_path: Path) -> None:
    for sequence in (1, 256, 257, 512, 513, 600, 601, 700):
        assert json.loads(get_record(tmp_path, "0", sequence))["sequence"] == sequence


def test_pages_go_from_the_newest_through_bundles_to_the_first(log: Log, tmp_path: Path) -> None:
    seen: list[int] = []
    token = ""
    while token or not seen:
        page = list_records(tmp_path, page_size=300, page_token=token, own={"0": log.end})
        seen += [entry.record.sequence for entry in page.entries]
        token = page.next_token

    assert seen == list(range(SIZE, 0, -1))


def test_a_damaged_bundle_is_said_by_every_reader(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "0" / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes().replace(b'"n50"', b'"n51"'))

    for read in (
        lambda: list(entries(tmp_path / "0", 0, 0)),
        lambda: get_record(tmp_path, "0", 40),
        lambda: list_records(tmp_path, page_size=1000),
        lambda: check(tmp_path / "0"),
    ):
        with pytest.raises(SignerdError, match="tile/entries/000: record 51 is damaged") as caught:
            read()
        assert caught.value.reason is Reason.AUDIT_CORRUPT


def test_a_missing_bundle_is_said(log: Log, tmp_path: Path) -> None:
    (tmp_path / "0" / "tile" / "entries" / "000").unlink()

    with pytest.raises(SignerdError, match="record 4 is missing"):
        list(entries(tmp_path / "0", 3, 9))
    with pytest.raises(SignerdError, match="record 1 is missing"):
        check(tmp_path / "0")


def test_what_a_bundle_lost_that_is_still_ahead_is_read_there(log: Log, tmp_path: Path) -> None:
    partial = tmp_path / "0" / "tile" / "entries" / "002.p" / "88"
    partial.write_bytes(bytes(partial.stat().st_size))

    assert numbers(entries(tmp_path / "0", 512, 699)) == list(range(512, 700))
