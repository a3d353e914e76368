"""Reading a shard in order while it is written."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from signerd.audit.fetching import fetch
from signerd.audit.following import Follower
from signerd.audit.frames import frame
from signerd.audit.jumping import last_sequence
from signerd.audit.segments import segments_in
from signerd.audit.tiles import minimum_index
from signerd.errors import Reason, SignerdError
from tests.unit.audit.logs import opened, publish, record, write, write_many
from tests.unit.audit.samples import ShardFiles, body, group_of, header_of


def sequences(bodies: list[bytes]) -> list[int]:
    return [json.loads(one)["sequence"] for one in bodies]


def drain(follower: Follower, most: int = 7) -> list[int]:
    found: list[int] = []
    while bodies := follower.read(most):
        assert len(bodies) <= most
        found += sequences(bodies)
    return found


async def test_every_record_once_while_it_is_written(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    mine, theirs = (
        Follower(log_directory, 1, own)
        for log_directory, own in ((tmp_path / "a", lambda: log.end), (tmp_path / "a", None))
    )
    seen: dict[Follower, list[int]] = {mine: [], theirs: []}
    for round_ in range(30):
        await write_many(log, random.Random(round_).randrange(60))  # over segments, bundles and both
        if round_ % 7 == 3:
            await publish(log)
        for follower in seen:
            seen[follower] += drain(follower)
    end = log.sequence
    await log.close()
    assert end > 512
    assert len(segments_in(tmp_path / "a")) < end // 10  # some were removed meanwhile
    assert all(found == list(range(1, end + 1)) for found in seen.values())


@pytest.mark.parametrize("first", [1, 2, 255, 256, 257, 300, 511, 512, 513, 600])
async def test_it_begins_anywhere(tmp_path: Path, first: int) -> None:
    log = await opened(tmp_path)
    await write_many(log, 599)
    await publish(log)
    assert drain(Follower(tmp_path / "a", first, lambda: log.end), 50) == list(range(first, 600))
    await write(log, record())
    follower = Follower(tmp_path / "a", first)
    assert drain(follower, 1000) == list(range(first, 601))
    assert last_sequence(tmp_path / "a") == last_sequence(tmp_path / "a", log.end) == 600
    await log.close()


def test_what_is_not_durable_is_not_read(shard: ShardFiles) -> None:
    whole = header_of() + group_of(1, 3) + group_of(4, 2)
    shard.put(whole + group_of(6, 2)[:-1])
    assert drain(Follower(shard.directory)) == [1, 2, 3, 4, 5, 6]
    follower = Follower(shard.directory, proven=True)
    assert drain(follower) == [1, 2, 3, 4, 5]  # the frame behind them shows that their group was done
    shard.put(whole + group_of(6, 2))
    assert drain(follower) == []
    (shard.directory / "checkpoint").write_bytes(b"i/0\n6\n")
    assert drain(follower) == [6]
    shard.put(whole + group_of(6, 2) + group_of(8, 1))
    assert drain(follower) == [7]
    shard.put(header_of(2, 9, len(whole + group_of(6, 2) + group_of(8, 1))), 2)
    assert drain(follower) == [8]


def test_a_group_that_is_larger_than_what_is_asked_for(shard: ShardFiles) -> None:
    shard.put(header_of() + group_of(1, 40) + group_of(41, 1))
    assert drain(Follower(shard.directory, proven=True), 3) == list(range(1, 41))


def test_a_torn_end_that_was_cut_off_is_forgotten(shard: ShardFiles) -> None:
    whole = header_of() + group_of(1, 3)
    shard.put(whole + group_of(4, 2))
    follower = Follower(shard.directory, proven=True)
    assert drain(follower) == [1, 2, 3]
    shard.put(whole + frame(4, 0, body(4, key="another")) + group_of(5, 1))
    assert [json.loads(one)["key"] for one in follower.read(9)] == ["another"]


def test_damage_is_told(shard: ShardFiles) -> None:
    whole = bytearray(header_of() + group_of(1, 3))
    shard.put(header_of(2, 4, len(whole)) + group_of(4, 1), 2)
    whole[-5] ^= 1
    shard.put(bytes(whole))
    follower = Follower(shard.directory)
    assert sequences(follower.read(2)) == [1, 2]
    with pytest.raises(SignerdError) as caught:
        follower.read(9)
    assert caught.value.reason is Reason.AUDIT_CORRUPT


async def test_what_was_pruned_is_passed_over_only_on_request(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await write_many(log, 1100)
    await publish(log)
    follower, place = Follower(tmp_path / "a", 1, lambda: log.end), tmp_path / "a"
    await log.prune(600)
    with pytest.raises(SignerdError) as caught:
        follower.read(9)
    assert caught.value.reason is Reason.AUDIT_RECORD_NOT_FOUND
    assert follower.skip_pruned() == 600 == minimum_index(place)
    assert follower.skip_pruned() == 0
    assert drain(follower, 300) == list(range(601, log.sequence + 1))
    await log.close()


async def test_records_by_their_positions(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await write_many(log, 700)
    await publish(log)
    await write_many(log, 100)
    wanted = [1, 700, 256, 257, 800, 3, 701, 512, 801, 5000]
    found = fetch(tmp_path / "a", wanted, lambda: log.end)
    assert [*found] == wanted[:-2]
    assert sequences([*found.values()]) == wanted[:-2]
    await log.close()


async def test_a_changed_bundle_shows_no_record(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await write_many(log, 600)
    await publish(log)
    await log.close()
    bundle = tmp_path / "a" / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b"unix:ann", b"unix:bob", 1))
    for path in segments_in(tmp_path / "a"):
        path.unlink()
    with pytest.raises(SignerdError) as caught:
        fetch(tmp_path / "a", [1], None)
    assert caught.value.reason is Reason.AUDIT_CORRUPT
    assert 300 in fetch(tmp_path / "a", [300], None)


def test_a_shard_without_files_has_nothing(tmp_path: Path) -> None:
    assert Follower(tmp_path).read(9) == []
    assert last_sequence(tmp_path) == 0
