from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from signerd.audit.frames import BODY_LIMIT, HEADER, durable_behind, frame, parse, walk

bodies = st.binary(min_size=1, max_size=300).map(lambda data: b'{"' + data)
groups = st.lists(st.lists(bodies, min_size=1, max_size=4), min_size=1, max_size=5)


def written(all_groups: list[list[bytes]]) -> bytes:
    data, sequence = b"", 0
    for group in all_groups:
        begin = len(data)
        for body in group:
            sequence += 1
            data += frame(sequence, len(data) - begin, body)
    return data


@given(groups, st.binary(max_size=50))
def test_frames_come_back_as_they_went_in(all_groups: list[list[bytes]], before: bytes) -> None:
    data = before + written(all_groups)

    found = list(walk(io.BytesIO(data), len(before), len(data)))

    assert [frame.body for frame in found] == [body for group in all_groups for body in group]
    assert [frame.sequence for frame in found] == list(range(1, len(found) + 1))
    assert len({frame.group for frame in found}) == len(all_groups)
    assert found[-1].end == len(data)


@given(groups, st.data())
def test_a_changed_bit_is_seen(all_groups: list[list[bytes]], data: st.DataObject) -> None:
    whole = bytearray(written(all_groups))
    good = list(walk(io.BytesIO(whole), 0, len(whole)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))

    found = list(walk(io.BytesIO(whole), 0, len(whole)))

    assert found == [frame for frame in good if frame.end <= place]


def test_walk_joins_frames_across_its_chunks() -> None:
    data = b"".join(frame(n, 0, b'{"' + b"x" * 65_000) for n in range(1, 9))

    assert [found.sequence for found in walk(io.BytesIO(data), 0, len(data))] == list(range(1, 9))


def test_walk_reads_nothing_behind_the_end_it_is_given() -> None:
    first, second = frame(1, 0, b'{"a"'), frame(2, 0, b'{"b"')

    assert len(list(walk(io.BytesIO(first + second), 0, len(first) + 1))) == 1


def test_walk_gives_up_soon_after_a_bad_frame() -> None:
    file = io.BytesIO(bytes(4 << 20))

    assert list(walk(file, 0, 4 << 20)) == []
    assert file.tell() < 1 << 19


def test_an_empty_or_endless_body_is_no_frame() -> None:
    assert parse(frame(1, 0, b""), 0) is None
    assert parse(frame(1, 0, b"x" * BODY_LIMIT), 0) is None
    assert parse(bytes(HEADER.size), 0) is None
    assert parse(frame(1, 0, b'{"a":1}')[:-1], 0) is None


def test_only_a_later_group_proves_that_a_place_had_been_durable() -> None:
    first = frame(1, 0, b'{"a":1}')
    same_group = frame(2, len(first), b'{"b":1}')
    next_group = frame(3, 0, b'{"c":1}')
    hole = bytes(len(first))

    assert not durable_behind(hole, 0)
    assert not durable_behind(hole + same_group, 0)
    assert durable_behind(hole + same_group + next_group, 0)
    assert durable_behind(hole + next_group, 700)
    assert not durable_behind(next_group, 700)
