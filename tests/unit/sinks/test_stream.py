"""Whatever the position, a stream gives the records right behind it, from memory or the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signerd.sinks.base import Entry
from signerd.sinks.stream import MOST_BYTES, MOST_RECORDS, Stream, bounded
from tests.unit.sinks.samples import LogCopy, bodies_of, entry


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=20),
    older=st.integers(0, 300),
    position=st.integers(0, 900),
    kept=st.sampled_from([0, 500, 5000, 1 << 20]),
)
async def test_it_gives_what_follows(sizes: list[int], older: int, position: int, kept: int) -> None:
    stream = Stream(older, LogCopy().read, kept)
    for size in sizes:
        stream.add(stream.newest + 1, bodies_of(stream.newest + 1, stream.newest + size))
    assert stream.newest == older + sum(sizes)
    position = min(position, stream.newest)
    found = await stream.after(position)
    count = min(stream.newest - position, MOST_RECORDS)
    assert found == [entry(sequence) for sequence in range(position + 1, position + 1 + len(found))]
    assert len(found) == count or len(found) >= min(count, 1)


async def test_the_newest_are_not_read_from_the_log() -> None:
    log = LogCopy()
    stream = Stream(10, log.read)
    stream.add(11, bodies_of(11, 12))
    assert [one.sequence for one in await stream.after(10)] == [11, 12]
    assert [one.sequence for one in await stream.after(11)] == [12]
    assert log.reads == []
    assert [one.sequence for one in await stream.after(9)] == [10, 11, 12]
    assert log.reads == [(10, 12)]


def test_a_delivery_has_a_bounded_size_and_at_least_one_record() -> None:
    large = Entry(1, b"x" * (MOST_BYTES + 1))
    assert bounded([large, large]) == [large]
    half = Entry(1, b"x" * (MOST_BYTES // 2))
    assert len(bounded([half] * 5)) == 2
    assert len(bounded([Entry(1, b"{}")] * 1000)) == MOST_RECORDS
    assert bounded([]) == []


async def test_a_group_is_kept_though_its_maker_forgets_it() -> None:
    stream = Stream(0, LogCopy().read)
    bodies = bodies_of(1, 3)
    stream.add(1, bodies)
    bodies.clear()
    assert await stream.after(0) == [entry(1), entry(2), entry(3)]
