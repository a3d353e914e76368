"""Copies: what a checkpoint covers first, the checkpoint last, and no hang of the target is ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.mirrors.faults import MirrorFault
from signerd.mirrors.mirror import Mirror
from signerd.mirrors.paths import files_between
from signerd.mirrors.targets import DirectoryTarget

ORIGIN = "0123/worker-0"


def grow(log: Path, old: int, size: int) -> None:
    """Files of a log as it grows; each holds its own name."""
    for name in files_between(old, size):
        place = log / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)


class Recording:
    """A target in memory that remembers the order, and can hang or fail."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.order: list[str] = []
        self.fail_at = ""
        self.hang = threading.Event()
        self.hang.set()

    def read(self, path: str) -> bytes | None:
        self.hang.wait()
        return self.files.get(path)

    def write(self, path: str, data: bytes) -> None:
        self.hang.wait()
        if path == self.fail_at:
            raise MirrorFault("the bucket is full")
        self.files[path] = data
        self.order.append(path)

    def close(self) -> None:
        pass


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def target() -> Iterator[Recording]:
    target = Recording()
    yield target
    target.hang.set()


async def test_tiles_come_before_the_checkpoint(log: Path, target: Recording) -> None:
    grow(log, 0, 700)
    mirror = Mirror(target, log, 5.0)
    await mirror.copy(700, b"note")
    assert target.order[-1] == "checkpoint"
    assert sorted(target.order[:-1]) == sorted(files_between(0, 700))
    assert target.files["tile/0/001"] == b"tile/0/001"
    assert (mirror.size, mirror.problem) == (700, "")
    assert await mirror.latest() == b"note"


async def test_only_what_is_new_is_copied(log: Path, target: Recording) -> None:
    grow(log, 0, 700)
    mirror = Mirror(target, log, 5.0)
    await mirror.copy(700, b"note")
    target.order.clear()
    grow(log, 700, 800)
    await mirror.copy(800, b"later")
    assert sorted(target.order) == sorted([*files_between(700, 800), "checkpoint"])


async def test_what_was_pruned_is_not_looked_for(log: Path, target: Recording) -> None:
    grow(log, 0, 700)
    for name in ("tile/0/000", "tile/entries/000"):
        (log / name).unlink()
    (log / "minimum-index").write_text("300\n")
    await Mirror(target, log, 5.0).copy(700, b"note")
    assert sorted(target.order) == sorted([*files_between(256, 700), "checkpoint"])


async def test_a_minimum_index_that_is_none_is_a_fault(log: Path, target: Recording) -> None:
    grow(log, 0, 3)
    (log / "minimum-index").write_text("many\n")
    with pytest.raises(MirrorFault, match="minimum-index"):
        await Mirror(target, log, 5.0).copy(3, b"note")


async def test_more_signatures_are_copied_without_tiles(log: Path, target: Recording) -> None:
    grow(log, 0, 3)
    mirror = Mirror(target, log, 5.0)
    await mirror.copy(3, b"note")
    target.order.clear()
    await mirror.copy(3, b"cosigned")
    assert target.order == ["checkpoint"]
    assert target.files["checkpoint"] == b"cosigned"


@pytest.mark.parametrize("missing", list(files_between(0, 300)))
async def test_without_every_tile_there_is_no_checkpoint(log: Path, target: Recording, missing: str) -> None:
    grow(log, 0, 300)
    target.fail_at = missing
    mirror = Mirror(target, log, 5.0)
    with pytest.raises(MirrorFault, match="full"):
        await mirror.copy(300, b"note")
    assert "checkpoint" not in target.files
    assert (mirror.size, mirror.problem) == (0, "the bucket is full")
    target.fail_at = ""
    await mirror.copy(300, b"note")
    assert set(files_between(0, 300)) < set(target.files)


async def test_a_tile_that_is_gone_is_a_fault(log: Path, target: Recording) -> None:
    grow(log, 0, 3)
    (log / "tile/0/000.p/3").unlink()
    with pytest.raises(MirrorFault, match="No such file"):
        await Mirror(target, log, 5.0).copy(3, b"note")
    assert "checkpoint" not in target.files


async def test_a_target_that_hangs_ends_at_the_time_limit(log: Path, target: Recording) -> None:
    grow(log, 0, 3)
    target.hang.clear()
    mirror = Mirror(target, log, 0.05)
    with pytest.raises(MirrorFault, match=r"longer than 0\.05 s"):
        await mirror.copy(3, b"note")
    with pytest.raises(MirrorFault, match="still busy"):
        await mirror.copy(3, b"note")
    target.hang.set()
    async with asyncio.timeout(20):
        while mirror.size != 3:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
    await mirror.copy(3, b"note")
    assert mirror.problem == ""


async def test_a_stop_ends_it_between_two_files(log: Path, target: Recording) -> None:
    grow(log, 0, 3)
    mirror = Mirror(target, log, 5.0)
    mirror.close()
    with pytest.raises(MirrorFault, match="stopping"):
        await mirror.copy(3, b"note")
    assert target.order == []


def test_a_directory_holds_whole_files(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path, ORIGIN)
    assert target.read("checkpoint") is None
    target.write("tile/0/000.p/3", b"one")
    target.write("tile/0/000.p/3", b"two")
    assert target.read("tile/0/000.p/3") == b"two"
    found = [path.name for path in (tmp_path / ORIGIN).rglob("*") if path.is_file()]
    assert found == ["3"]


def test_a_mount_that_is_missing_is_not_made(tmp_path: Path) -> None:
    target = DirectoryTarget(tmp_path / "mnt", ORIGIN)
    with pytest.raises(MirrorFault, match="mount it"):
        target.write("checkpoint", b"note")
    with pytest.raises(MirrorFault, match="mount it"):
        target.read("checkpoint")
    assert not (tmp_path / "mnt").exists()


def test_a_target_that_refuses_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "0123").write_text("a file where a directory should be")
    target = DirectoryTarget(tmp_path, ORIGIN)
    with pytest.raises(MirrorFault, match="0123"):
        target.write("checkpoint", b"note")
    with pytest.raises(MirrorFault, match="0123"):
        target.read("checkpoint")
