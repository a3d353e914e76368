"""Whatever ends a log, and whatever the disk forgets of its tiles: nothing acknowledged is lost or proven otherwise."""

from __future__ import annotations

import json
import random
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from signerd.audit import checkpoints
from signerd.audit.checking import check
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.proofs import root_at
from signerd.audit.reading import entries
from signerd.audit.segments import segments_in
from signerd.audit.tiles import tile_path
from signerd.audit.tree import WIDTH
from signerd.errors import Reason, SignerdError
from tests.unit.audit.crashes import CrashingDisk, spoil
from tests.unit.audit.proven_logs import SMALL, files, fill, opened, publish, root_of, signed, written


class Life:
    """What a log promised while it lived: how many records, and which checkpoints it signed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.size = 0
        self.signed: dict[int, bytes] = {}

    async def live(self, disk: CrashingDisk, chance: random.Random) -> None:
        """Append and publish until the disk is dead."""
        log = await opened(self.directory, disk)
        assert log.sequence >= self.size
        with suppress(SignerdError):
            for _ in range(20):
                await fill(log, chance.randrange(1, 200))
                await self._publish(log)
        self.size = max(self.size, log.sequence)
        await log.close()

    async def _publish(self, log: Log) -> None:
        head = log.tree_head()
        assert self.signed.setdefault(head.size, head.root) == head.root
        await log.publish(signed(log.origin, head))

    def check(self) -> None:
        """All that was promised holds."""
        shard = self.directory / "0"
        found = [json.loads(body)["sequence"] for body in entries(shard, 0, 1 << 40)]
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= self.size
        assert check(shard) == len(found)
        for size, root in self.signed.items():
            assert root_of(self.directory, size) == root == root_at(shard, size)


@pytest.mark.parametrize("seed", range(6))
async def test_a_log_survives_ends_at_any_call_and_losses_of_power(tmp_path: Path, seed: int) -> None:
    chance, life = random.Random(seed), Life(tmp_path)
    for _ in range(6):
        disk = CrashingDisk(chance.randrange(5, 120))
        with suppress(SignerdError):
            await life.live(disk, chance)
        disk.lose_power(chance)
    await life.live(CrashingDisk(), chance)
    life.check()

    assert len(life.signed) > 5


async def reopened(directory: Path) -> Checkpoint | None:
    """Open a log, wait until its tiles are mended, close it, and give what it had published."""
    log = await opened(directory)
    published = log.published
    await publish(log)
    await log.close()
    return published


@pytest.mark.parametrize("how", range(1, 5))
async def test_tiles_that_were_not_synced_are_made_again(tmp_path: Path, how: int) -> None:
    log = await opened(tmp_path, tuning=replace(SMALL, segment_bytes=1 << 20))
    await fill(log, 600)
    await publish(log)
    await log.close()
    before = {file: (tmp_path / "0" / file).read_bytes() for file in files(tmp_path)}
    for file in before:
        if file.startswith("tile/"):
            spoil(tmp_path / "0" / file, how, random.Random(1))

    await reopened(tmp_path)
    assert {file: (tmp_path / "0" / file).read_bytes() for file in files(tmp_path)} == before


@pytest.mark.parametrize(
    "data", [None, b"", b"i/0\n", bytes(200)], ids=["missing", "empty", "torn", "garbage"]
)
async def test_a_lost_checkpoint_file_is_no_checkpoint_and_the_next_one_agrees(
    tmp_path: Path, data: bytes | None
) -> None:
    checkpoint = await written(tmp_path, 300)
    path = tmp_path / "0" / "checkpoint"
    path.unlink() if data is None else path.write_bytes(data)

    assert await reopened(tmp_path) is None
    assert checkpoints.read(tmp_path / "0", "i/0") == checkpoint


async def test_a_synced_bundle_that_is_damaged_is_named(tmp_path: Path) -> None:
    await written(tmp_path, 600)
    path = tmp_path / "0" / tile_path("entries", 0)
    path.write_bytes(path.read_bytes().replace(b'"n77"', b'"n78"'))

    with pytest.raises(SignerdError, match="record 78 is damaged"):
        check(tmp_path / "0")


async def test_a_damaged_tile_of_the_edge_stops_the_start_and_names_the_record(tmp_path: Path) -> None:
    await written(tmp_path, 600)
    path = tmp_path / "0" / tile_path(0, 0)
    data = bytearray(path.read_bytes())
    data[32 * 9] ^= 1
    path.write_bytes(data)

    with pytest.raises(SignerdError, match="record 10 is damaged") as caught:
        await opened(tmp_path)
    assert caught.value.reason is Reason.AUDIT_CORRUPT


@pytest.mark.parametrize("file", ["tile/0/000", "tile/entries/000"])
async def test_a_missing_tile_or_bundle_of_the_edge_is_found(tmp_path: Path, file: str) -> None:
    await written(tmp_path, 600)
    (tmp_path / "0" / file).unlink()

    with pytest.raises(SignerdError, match="record 1 "):
        check(tmp_path / "0")


async def copied(directory: Path) -> Path:
    """The shard as it is now, put aside."""
    copy = directory.parent / f"{directory.name}-copy"
    shutil.copytree(directory / "0", copy / "0")
    return copy


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (directory / "0").rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", ["older copy", "no write-ahead file", "cut", "known"])
async def test_a_log_that_is_not_the_one_that_was_signed_is_left_as_it_is(tmp_path: Path, case: str) -> None:
    home = tmp_path / "a"
    await written(home, 300)
    older = await copied(home)
    checkpoint = await written(home, 40)
    known = []
    if case == "older copy":
        home = older
        shutil.copy(tmp_path / "a" / "0" / "checkpoint", older / "0")
    elif case == "known":
        home, known = older, [checkpoint.head]
    elif case == "cut":
        path = segments_in(home / "0")[-1]
        path.write_bytes(path.read_bytes()[:-1])
    else:
        shutil.rmtree(home / "0" / "wal")
    before = snapshot(home)

    with pytest.raises(SignerdError) as caught:
        await opened(home, known=known)
    assert caught.value.reason is Reason.AUDIT_INCONSISTENT
    assert snapshot(home) == before


async def test_damage_of_the_last_group_is_no_torn_end_where_a_checkpoint_covers_it(tmp_path: Path) -> None:
    await written(tmp_path, 10)
    path = segments_in(tmp_path / "0")[-1]
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"n7"', b'"n8"'))

    with pytest.raises(SignerdError, match=r"record 8 at byte .* is damaged") as caught:
        await opened(tmp_path)
    assert caught.value.reason is Reason.AUDIT_CORRUPT


async def test_a_log_with_another_root_than_the_known_is_refused(tmp_path: Path) -> None:
    head = (await written(tmp_path, WIDTH + 1)).head

    with pytest.raises(SignerdError, match="has another root at 257"):
        await opened(tmp_path, known=[head._replace(root=bytes(32))])
    await (await opened(tmp_path, known=[head])).close()


async def test_tiles_that_stand_are_not_written_again(tmp_path: Path) -> None:
    log = await opened(tmp_path, tuning=replace(SMALL, segment_bytes=1 << 20))
    await fill(log, 600)
    await publish(log)
    await log.close()
    shard = tmp_path / "0"
    spoil(shard / "tile/0/001", 1, random.Random(1))
    before = {file: (shard / file).stat().st_ino for file in files(tmp_path)}

    await reopened(tmp_path)
    changed = {file for file, inode in before.items() if (shard / file).stat().st_ino != inode}
    assert changed == {"checkpoint"}
    assert (shard / "tile/0/001").exists()
