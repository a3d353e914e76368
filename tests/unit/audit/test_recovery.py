from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from signerd.audit.checking import check
from signerd.audit.disk import Disk
from signerd.audit.frames import frame
from signerd.audit.recovery import Contents, lock, recover, scan
from signerd.audit.segments import segments_in
from signerd.errors import Reason, SignerdError
from tests.unit.audit.samples import ShardFiles, body, group_of, header_of

HEADER = header_of(revision=3)
PARTS = [HEADER, group_of(1, 2), group_of(3, 1), group_of(4, 3)]
WHOLE = b"".join(PARTS)
LAST_GROUP = len(WHOLE) - len(PARTS[-1])


def frame_ends() -> list[int]:
    """Where the header and each frame end."""
    ends = [len(HEADER)]
    for sequence in range(1, 7):
        ends.append(ends[-1] + len(frame(sequence, 0, body(sequence))))
    return ends


def opened(shard: ShardFiles) -> tuple[int, int]:
    """Recover, close, and tell the last sequence and the length of the last segment."""
    place, _ = recover(shard.directory, "0", "i", Disk())
    place.segment.close()
    return place.sequence, place.segment.length


def reason_of(shard: ShardFiles) -> Reason | None:
    try:
        opened(shard)
    except SignerdError as error:
        return error.reason
    return None


def test_every_truncation_recovers_to_the_last_whole_frame(shard: ShardFiles) -> None:
    ends = frame_ends()
    for length in range(len(HEADER), len(WHOLE) + 1):
        path = shard.put(WHOLE[:length])
        expected = max(end for end in ends if end <= length)

        assert opened(shard) == (ends.index(expected), expected)
        assert path.read_bytes() == WHOLE[:expected]


def test_every_truncation_of_the_header_begins_the_segment_anew(shard: ShardFiles) -> None:
    for length in range(len(HEADER)):
        shard.put(HEADER[:length])

        assert opened(shard)[0] == 0
        assert len(segments_in(shard.directory)) == 1


def test_every_changed_byte_before_the_last_group_is_refused_and_nothing_is_cut(shard: ShardFiles) -> None:
    for place in range(LAST_GROUP):
        damaged = WHOLE[:place] + bytes([WHOLE[place] ^ 0x41]) + WHOLE[place + 1 :]
        path = shard.put(damaged)

        assert reason_of(shard) is Reason.AUDIT_CORRUPT, place
        assert path.read_bytes() == damaged


def test_a_changed_byte_in_the_last_group_never_gives_a_wrong_record(shard: ShardFiles) -> None:
    ends = frame_ends()
    for place in range(LAST_GROUP, len(WHOLE)):
        path = shard.put(WHOLE[:place] + bytes([WHOLE[place] ^ 0x41]) + WHOLE[place + 1 :])
        reason = reason_of(shard)

        assert reason in (None, Reason.AUDIT_CORRUPT)
        if reason is None:
            assert path.read_bytes() == WHOLE[: max(end for end in ends if end <= place)]


@pytest.mark.parametrize(
    "tail", [bytes(1), bytes(70_000), b"\xff" * 300, b'{"' * 500, WHOLE[LAST_GROUP + 5 :]]
)
def test_rubbish_at_the_end_is_cut(shard: ShardFiles, tail: bytes) -> None:
    shard.put(WHOLE + tail)

    assert opened(shard) == (6, len(WHOLE))


def test_a_hole_in_the_group_written_last_is_a_torn_end(shard: ShardFiles) -> None:
    ends = frame_ends()
    hole = bytes(ends[5] - ends[4])
    shard.put(WHOLE[: ends[4]] + hole + WHOLE[ends[5] :])

    assert opened(shard) == (4, ends[4])


@pytest.mark.parametrize(
    "behind",
    [
        group_of(8, 1),
        group_of(6, 1),
        frame(7, 1, body(7)),
        frame(7, 0, b"[1]"),
        frame(7, 0, b'{"revision":"x"}'),
    ],
    ids=["gap", "twice", "wrong group", "no object", "no revision"],
)
def test_a_whole_frame_that_does_not_belong_there_is_refused(shard: ShardFiles, behind: bytes) -> None:
    shard.put(WHOLE + behind)

    assert reason_of(shard) is Reason.AUDIT_CORRUPT


def test_the_error_names_file_byte_and_sequence(shard: ShardFiles) -> None:
    ends = frame_ends()
    shard.put(WHOLE[: ends[2]] + b"\0" + WHOLE[ends[2] + 1 :])

    with pytest.raises(SignerdError, match=rf"0/wal/00000001.log: record 3 at byte {ends[2]}"):
        opened(shard)


def test_the_highest_revision_is_found(shard: ShardFiles) -> None:
    frames = frame(1, 0, body(1, revision=9)) + frame(2, 0, body(2, revision=8))

    assert _scanned(shard, HEADER + frames).revision == 9
    assert _scanned(shard, HEADER).revision == 3


def _scanned(shard: ShardFiles, data: bytes) -> Contents:
    contents = scan(shard.put(data))
    assert contents is not None
    return contents


def test_a_segment_whose_making_was_cut_short_is_forgotten(shard: ShardFiles) -> None:
    shard.put(WHOLE)
    shard.put(header_of(2, 7, len(WHOLE))[:-3] + bytes(9), number=2)

    assert opened(shard) == (6, len(WHOLE))
    assert [path.name for path in segments_in(shard.directory)] == ["00000001.log"]


def test_a_new_segment_without_records_goes_on_behind_the_one_before(shard: ShardFiles) -> None:
    shard.put(WHOLE + b"never acknowledged")
    second = header_of(2, 7, len(WHOLE), revision=5)
    shard.put(second, number=2)

    place, _ = recover(shard.directory, "0", "i", Disk())
    place.segment.close()

    assert (place.sequence, place.revision, place.segment.length) == (6, 5, len(second))
    assert check(shard.directory) == 6


def test_a_segment_before_the_last_that_lost_its_end_is_refused(shard: ShardFiles) -> None:
    shard.put(WHOLE[:-1])
    shard.put(header_of(2, 7, len(WHOLE)), number=2)

    assert reason_of(shard) is Reason.AUDIT_CORRUPT


def test_segments_may_only_be_gone_where_tiles_have_their_records(shard: ShardFiles) -> None:
    shard.put(header_of(5, 100, 12345) + group_of(100, 200), number=5)

    for look in (lambda: opened(shard), lambda: check(shard.directory)):
        with pytest.raises(SignerdError, match="record 1 is missing"):
            look()


def test_damage_in_an_older_segment_is_found(shard: ShardFiles) -> None:
    first = frame_ends()[1]
    shard.put(WHOLE[: first + 30] + b"\0" + WHOLE[first + 31 :])
    shard.put(header_of(2, 7, len(WHOLE)) + group_of(7, 1), number=2)

    for look in (lambda: opened(shard), lambda: check(shard.directory)):
        with pytest.raises(SignerdError, match="record 2 at byte"):
            look()


@pytest.mark.parametrize(
    ("number", "first", "name", "problem"),
    [(2, 8, 2, "record 7 .* is missing"), (3, 7, 3, "record 7 .* is missing"), (2, 7, 3, "another segment")],
)
def test_check_finds_a_gap_between_segments(
    shard: ShardFiles, number: int, first: int, name: int, problem: str
) -> None:
    shard.put(WHOLE)
    shard.put(header_of(number, first, len(WHOLE)) + group_of(first, 1), number=name)

    with pytest.raises(SignerdError, match=problem):
        check(shard.directory)


def test_check_finds_a_damaged_header_between_segments(shard: ShardFiles) -> None:
    shard.put(WHOLE)
    second = header_of(2, 7, len(WHOLE)) + group_of(7, 1)
    shard.put(b"?" + second[1:], number=2)
    shard.put(header_of(3, 8, len(second)), number=3)

    with pytest.raises(SignerdError, match=r"00000002.log: the header at byte 0"):
        check(shard.directory)


def test_directory_and_files_belong_to_the_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "0"
    directory.mkdir(parents=True, mode=0o777)
    os.close(lock(directory))
    recover(directory, "0", "i", Disk())[0].segment.close()

    assert {stat.S_IMODE(path.stat().st_mode) for path in (directory, directory / "wal")} == {0o700}
    files = [directory / "lock", directory / "wal" / "00000001.log"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_second_opener_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = lock(tmp_path / "0")
    with pytest.raises(SignerdError) as refused:
        lock(tmp_path / "0")
    os.close(first)

    assert refused.value.reason is Reason.HOME_IN_USE
    os.close(lock(tmp_path / "0"))


def test_a_segment_is_never_opened_through_a_link(shard: ShardFiles, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(WHOLE)
    (shard.directory / "wal" / "00000001.log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic"):
        opened(shard)
