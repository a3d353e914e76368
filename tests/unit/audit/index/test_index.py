"""The index of records against a plain look at all of them, and what becomes of one that does not fit the log."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signerd.audit.filters import Filter, facets_of
from signerd.audit.frames import frame
from signerd.audit.index import files
from signerd.audit.index.files import Ruined, Unusable
from signerd.audit.index.filling import Filler
from signerd.audit.index.queries import Cursor, Match, cursor_of, search, token_of
from signerd.audit.records import Record, encode
from tests.unit.audit.logs import opened, publish, record, write_many
from tests.unit.audit.samples import ShardFiles, header_of

BASE = 1_700_000_000


def stamp(second: int) -> str:
    return f"2023-11-14T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z"


def micros(second: int) -> int:
    return (BASE - 80_000 + second) * 1_000_000


def put(directory: Path, shard: str, made: list[Record]) -> None:
    """A shard whose records have the times that they are given."""
    place = directory / shard
    (place / "wal").mkdir(parents=True, exist_ok=True)
    data = header_of()
    for sequence, one in enumerate(made, 1):
        one.sequence, one.shard, one.v = sequence, shard, 1
        data += frame(sequence, 0, encode(one))
    (place / "wal" / "00000001.log").write_bytes(data)


def filter_by(field: str) -> Filter:
    given: dict[str, Any] = {field: "x"}
    return Filter(**given)


def fill(filler: Filler) -> None:
    for _ in range(100):
        if filler.fill(5):
            return
    raise AssertionError("the index never gets there")


def everything(directory: Path, wanted: Filter, size: int = 3) -> list[Match]:
    found: list[Match] = []
    after: Cursor | None = None
    while True:
        page = search(directory, wanted, size, after, {})
        assert not page.stale
        found += page.records
        if page.next is None:
            return found
        after = cursor_of(token_of(page.next))


VALUES: dict[str, Any] = {
    "key": ["", "a", "b/c"],
    "caller": ["", "unix:ann", "spiffe://x/y"],
    "operation": ["sign", "verify", "create-key"],
    "outcome": ["ok", "refused", "failed"],
    "reason": ["", "KEY_NOT_FOUND"],
    "digest": ["", "sha256:00", "sha256:ff"],
    "request_id": ["", "r1", "r2"],
    "version": [0, 1, 2],
}
records = st.builds(
    Record,
    time=st.integers(0, 9).map(stamp),
    **{name: st.sampled_from(values) for name, values in VALUES.items()},
)
moments = st.none() | st.integers(-1, 10).map(micros)
filters = st.builds(
    Filter,
    since=moments,
    until=moments,
    shard=st.sampled_from(["", "a", "b", "c"]),
    **{
        name: st.sampled_from(["", *values] if name != "version" else values)
        for name, values in VALUES.items()
    },
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.lists(st.lists(records, max_size=12), max_size=2), st.lists(filters, min_size=1, max_size=8))
def test_filters_find_what_a_look_at_everything_finds(
    shards: list[list[Record]], wanted: list[Filter]
) -> None:
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        for name, found in zip("ab", shards, strict=False):
            put(directory, name, found)
        fill(Filler(directory, {}))
        bodies = [(one.shard, one.sequence, encode(one)) for found in shards for one in found]
        for one in wanted:
            plain = {(shard, at) for shard, at, body in bodies if one.matches(facets_of(body))}
            shown = everything(directory, one)
            assert {(match.shard, match.sequence) for match in shown} == plain
            assert len(shown) == len(plain)
            assert {match.json for match in shown} <= {body for _, _, body in bodies}
            times = [facets_of(match.json).micros for match in shown]
            assert times == sorted(times, reverse=True)


def test_the_times_of_this_test_are_those_of_records() -> None:
    assert facets_of(encode(record(time=stamp(5)))).micros == micros(5)


async def test_it_follows_a_log_in_small_steps(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    filler = Filler(tmp_path, {"a": lambda: log.end})
    for count in (0, 1, 700, 3):
        await write_many(log, count)
        fill(filler)
        assert len(everything(tmp_path, Filter(), 100)) == log.sequence
    assert not Filler(tmp_path / "none", {}).directory.exists()
    await log.close()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    put(tmp_path, "a", [record(time=stamp(at), key=f"k{at}") for at in range(9)])
    fill(Filler(tmp_path, {}))
    return tmp_path


@pytest.mark.parametrize("garbage", [b"", b"no database at all", b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_index_is_thrown_away(filled: Path, garbage: bytes) -> None:
    files.discard(filled)
    (filled / files.NAME).write_bytes(garbage)
    with pytest.raises(Ruined):
        everything(filled, Filter())
    fill(Filler(filled, {}))
    assert len(everything(filled, Filter())) == 9


def test_a_database_of_somebody_else_is_thrown_away(filled: Path) -> None:
    files.discard(filled)
    with sqlite3.connect(filled / files.NAME) as db:
        db.execute("CREATE TABLE records (id)")
    fill(Filler(filled, {}))
    assert len(everything(filled, Filter(key="k3"))) == 1


def test_a_deleted_index_is_made_anew(filled: Path) -> None:
    filler = Filler(filled, {})
    fill(filler)
    files.discard(filled)
    fill(filler)
    assert len(everything(filled, Filter())) == 9
    assert (filled / files.NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("at", range(0, 40_000, 1500))
def test_a_damaged_index_shows_nothing_that_is_not_in_the_log(filled: Path, at: int) -> None:
    data = bytearray((filled / files.NAME).read_bytes())
    data[at % len(data) : at % len(data) + 64] = os.urandom(64)
    (filled / files.NAME).write_bytes(data)
    try:
        page = search(filled, Filter(), 100, None, {})
    except (Ruined, Unusable):
        return
    assert {match.sequence for match in page.records} <= set(range(1, 10))
    assert all(facets_of(match.json).sequence == match.sequence for match in page.records)


def test_rows_that_do_not_match_the_log_are_told(filled: Path) -> None:
    with sqlite3.connect(filled / files.NAME) as db:
        db.execute("UPDATE records SET caller = 1 WHERE (id & 255) = 4")
    page = search(filled, Filter(), 100, None, {})
    assert page.stale
    assert 4 not in [match.sequence for match in page.records]


def test_a_torn_end_that_was_cut_off_is_indexed_anew(shard: ShardFiles) -> None:
    whole = header_of() + frame(1, 0, encode(record(sequence=1, shard="0", key="one")))
    shard.put(whole + frame(2, 0, encode(record(sequence=2, shard="0", key="torn"))))
    directory, filler = shard.directory.parent, Filler(shard.directory.parent, {})
    fill(filler)
    shard.put(
        whole
        + frame(2, 0, encode(record(sequence=2, shard="0", key="durable")))
        + frame(3, 0, encode(record(sequence=3, shard="0", key="three")))
    )
    fill(filler)
    assert not everything(directory, Filter(key="torn"))
    assert [match.sequence for match in everything(directory, Filter(key="durable"))] == [2]
    assert len(everything(directory, Filter())) == 3


def test_a_shard_that_was_replaced_is_indexed_anew(filled: Path) -> None:
    (filled / "a").rename(filled / ".old")
    put(filled, "a", [record(time=stamp(1), key="new")])
    fill(Filler(filled, {}))
    assert [facets_of(match.json).key for match in everything(filled, Filter())] == ["new"]


async def test_what_is_pruned_vanishes(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await write_many(log, 1100)
    await publish(log)
    filler = Filler(tmp_path, {"a": lambda: log.end})
    fill(filler)
    await log.prune(600)
    assert not search(tmp_path, Filter(), 1000, Cursor(1 << 60, "a", 300), {}).stale
    fill(filler)
    found = {match.sequence for match in everything(tmp_path, Filter(), 500)}
    assert found == set(range(601, log.sequence + 1))
    await log.close()


def test_only_one_fills_at_a_time(filled: Path) -> None:
    with files.locked(filled) as mine, files.locked(filled) as other:
        assert (mine, other) == (True, False)
        assert Filler(filled, {}).fill(0.01)  # it is current, thanks to another
        put(filled, "b", [record(time=stamp(1))])
        assert not Filler(filled, {}).fill(0.01)


@pytest.mark.parametrize(("operation", "index"), [("sign", "by_time"), ("verify", "by_operation")])
@pytest.mark.parametrize("field", ["key", "caller", "reason"])
def test_filters_use_an_index(filled: Path, operation: str, index: str, field: str) -> None:
    from signerd.audit.index.tables import condition

    with sqlite3.connect(filled / files.NAME) as db:
        for wanted, expected in (
            (Filter(operation=operation), index),
            (filter_by(field), f"by_{field}"),
            (Filter(digest="sha256:00"), "by_digest"),
            (Filter(request_id="x"), "by_request"),
            (Filter(outcome="refused"), "by_outcome"),
            (Filter(since=1), "by_time"),
        ):
            where, values = condition(wanted, None)
            query = (
                f"EXPLAIN QUERY PLAN SELECT * FROM records WHERE {where} ORDER BY time DESC, id DESC LIMIT 5"
            )
            plan = " ".join(str(row) for row in db.execute(query, values))
            assert expected in plan, plan


@pytest.mark.parametrize("token", ["x", "é", "AAAA", "eyJhIjogMX0=", "W10=", "WzEsImEiLC0xXQ=="])
def test_tokens_that_are_none(token: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - binascii's and ours
        cursor_of(token)
