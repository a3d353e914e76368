"""What stands on the disk for a checkpoint, and what goes once nobody needs it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from signerd.audit import checkpoints
from signerd.audit.checking import check
from signerd.audit.disk import Disk
from signerd.audit.log import Listener, Log
from signerd.audit.segments import segments_in
from signerd.audit.tiler import BACKLOG
from signerd.audit.tree import WIDTH, TreeHead
from signerd.audit.wal import first_sequence
from signerd.errors import Reason, SignerdError
from tests.unit.audit.proven_logs import SMALL, files, fill, opened, publish, root_of, signed

LARGE = replace(SMALL, segment_bytes=1 << 20)


class TileDisk(Disk):
    """A disk on which tiles fail while `fault` is set, or hang while `gate` is."""

    def __init__(self) -> None:
        self.fault: int | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.tries = 0

    def replace(self, path: Path, data: bytes, new: Path, *, sync: bool = False) -> None:
        self.gate.wait(10)
        self.tries += 1
        if self.fault is not None:
            raise OSError(self.fault, os.strerror(self.fault))
        super().replace(path, data, new, sync=sync)


async def until_told(told: list[list[str]], count: int) -> None:
    async with asyncio.timeout(10):
        while len(told) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_head_is_of_what_is_durable(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    for count in (1, 255, 1, 300):
        await fill(log, count)
        assert log.tree_head() == TreeHead(log.sequence, root_of(tmp_path, log.sequence))
    await log.close()


async def test_files_of_a_size_are_those_of_the_format(tmp_path: Path) -> None:
    log = await opened(tmp_path, tuning=LARGE)
    assert [log.published] == [None]
    await fill(log, 3)
    await publish(log)
    assert files(tmp_path) == {"checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"}

    await fill(log, 2)
    await publish(log)
    assert files(tmp_path) == {"checkpoint", "tile/0/000.p/5", "tile/entries/000.p/5"}

    await fill(log, 251)
    await publish(log)
    full = {"checkpoint", "tile/0/000", "tile/entries/000"}
    assert files(tmp_path) == full | {"tile/1/000.p/1"}

    await fill(log, 260)
    checkpoint = await publish(log)
    full |= {"tile/0/001", "tile/entries/001"}
    assert files(tmp_path) == full | {"tile/0/002.p/4", "tile/entries/002.p/4", "tile/1/000.p/2"}
    assert log.published == checkpoint == checkpoints.read(tmp_path / "0", "i/0")
    await log.close()


async def test_a_checkpoint_of_an_earlier_size_has_its_own_tiles(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await fill(log, 270)
    earlier = signed(log.origin, log.tree_head())
    await fill(log, 20)
    await log.publish(earlier)
    assert {"tile/0/001.p/14", "tile/entries/001.p/14", "tile/1/000.p/1"} < files(tmp_path)
    await fill(log, 400)
    await log.publish(earlier)
    await log.close()

    assert check(tmp_path / "0") == 690


async def test_a_checkpoint_of_a_life_before_is_published_if_its_root_is_right(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await fill(log, 300)
    head = log.tree_head()
    await log.close()
    log = await opened(tmp_path)
    await fill(log, 10)

    with pytest.raises(SignerdError) as caught:
        await log.publish(signed(log.origin, head._replace(root=bytes(32))))
    assert caught.value.reason is Reason.AUDIT_INCONSISTENT
    assert [log.published] == [None]
    await log.publish(signed(log.origin, head))
    assert log.published is not None
    await log.close()


@pytest.mark.parametrize(
    ("origin", "size"), [("i/1", 9), ("i/0", 11), ("i/0", 5)], ids=["of another log", "ahead", "behind"]
)
async def test_no_other_checkpoint_is_published(tmp_path: Path, origin: str, size: int) -> None:
    log = await opened(tmp_path)
    await fill(log, 6)
    await publish(log)
    await fill(log, 4)
    before = files(tmp_path)

    with pytest.raises(SignerdError) as caught:
        await log.publish(signed(origin, TreeHead(size, bytes(32))))
    assert caught.value.reason is Reason.AUDIT_INCONSISTENT
    assert files(tmp_path) == before
    await log.close()


async def test_a_checkpoint_may_get_more_signatures(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await fill(log, 6)
    checkpoint = await publish(log)
    more = checkpoints.parse(checkpoint.note + checkpoint.note.rpartition(b"\n\n")[2], log.origin)
    await log.publish(more)

    assert (tmp_path / "0" / "checkpoint").read_bytes() == more.note != checkpoint.note
    await log.close()


async def test_records_stay_ahead_until_a_checkpoint_covers_them(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await fill(log, 10)
    await publish(log)
    await fill(log, 64 * WIDTH + 1, step=500)
    await asyncio.sleep(0.2)
    assert first_sequence(tmp_path / "0") == 1
    await publish(log)
    await log.close()

    first = first_sequence(tmp_path / "0") or 0
    assert first > 64 * WIDTH - 600
    assert len(segments_in(tmp_path / "0")) == 1
    assert check(tmp_path / "0") == log.sequence


async def test_without_any_checkpoint_the_log_is_kept_small_all_the_same(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await fill(log, 65 * WIDTH, step=500)
    await log.close()

    assert (first_sequence(tmp_path / "0") or 0) > 60 * WIDTH
    assert check(tmp_path / "0") == log.sequence


async def test_a_partial_tile_is_not_left_where_a_full_one_came(tmp_path: Path) -> None:
    log = await opened(tmp_path)
    await fill(log, 200)
    await publish(log)
    await fill(log, 100)
    await log.close()
    assert {"tile/0/000.p/200", "tile/0/000"} < files(tmp_path)
    log = await opened(tmp_path)
    await publish(log)
    await log.close()

    assert not [file for file in files(tmp_path) if file.startswith("tile/0/000.p")]


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS, errno.EIO])
async def test_tiles_that_can_not_be_written_stop_nobody_and_come_later(tmp_path: Path, fault: int) -> None:
    disk, told = TileDisk(), list[list[str]]()
    listener = Listener(on_warnings=lambda warnings: told.append(list(warnings)))
    log = await opened(tmp_path, disk, listener=listener)
    disk.fault = fault
    await fill(log, 600)
    with pytest.raises(SignerdError) as caught:
        await publish(log)
    assert (log.sequence, log.healthy, log.published) == (600, True, None)
    disk.fault = None
    await publish(log)
    await until_told(told, 2)
    await log.close()

    assert caught.value.reason is Reason.AUDIT_UNAVAILABLE
    assert os.strerror(fault) in caught.value.message
    assert told == [[f"tiles of the audit log can't be written: {os.strerror(fault)}"], []]
    assert check(tmp_path / "0") == 600
    assert {"tile/0/000", "tile/0/001", "tile/0/002.p/88"} < files(tmp_path)


async def test_tiles_that_can_not_be_written_are_not_tried_for_each_bundle(tmp_path: Path) -> None:
    disk = TileDisk()
    log = await opened(tmp_path, disk, tuning=LARGE)
    disk.fault = errno.EROFS
    await fill(log, 100 * WIDTH, step=2000)
    await log.close()

    assert 1 <= disk.tries < 30
    disk.fault = None
    await (await opened(tmp_path, disk)).close()
    assert check(tmp_path / "0") == 100 * WIDTH
    assert "tile/0/099" in files(tmp_path)


async def test_a_disk_that_hangs_under_tiles_holds_up_no_record_and_no_memory(tmp_path: Path) -> None:
    disk = TileDisk()
    log = await opened(tmp_path, disk, tuning=LARGE)
    disk.gate.clear()
    size = 40_000
    await asyncio.wait_for(fill(log, size, step=2000), 60)
    assert log.sequence == size
    assert log.tree_head().root == root_of(tmp_path, size)
    waiting = log._publishing._tiler._backlog
    disk.gate.set()
    await publish(log)
    await log.close()

    assert BACKLOG <= waiting < BACKLOG + (1 << 17)
    assert check(tmp_path / "0") == size
    assert f"tile/0/{size // WIDTH - 1:03d}" in files(tmp_path)


async def test_a_defect_in_the_thread_is_told_and_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: Log = await opened(tmp_path)
    await fill(log, 3)
    monkeypatch.setattr(TileDisk, "replace", None)
    log._publishing._tiler._store._disk = TileDisk()
    with pytest.raises(SignerdError) as caught:
        await asyncio.wait_for(publish(log), 5)
    assert caught.value.reason is Reason.INTERNAL
    await log.close()
