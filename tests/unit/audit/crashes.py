"""A disk that stops at a given call, and forgets as a loss of power does what was not synced."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

from signerd.audit.disk import Disk

KEEP, MISSING, EMPTY, TORN, GARBAGE = range(5)


class CrashingDisk(Disk):
    """Fails for good from the `calls`-th call on. `doubtful` files were written and never synced."""

    def __init__(self, calls: int = 1 << 30) -> None:
        self.calls = calls
        self.doubtful: set[Path] = set()

    def _call(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def create(self, path: Path) -> int:
        self._call()
        return super().create(path)

    def write(self, fd: int, data: bytes | bytearray) -> None:
        self._call()
        super().write(fd, data)

    def truncate(self, fd: int, length: int) -> None:
        self._call()
        super().truncate(fd, length)

    def replace(self, path: Path, data: bytes, new: Path, *, sync: bool = False) -> None:
        self._call()
        super().replace(path, data, new, sync=sync)
        if not sync:
            self.doubtful.add(path)

    def sync(self, path: Path) -> None:
        self._call()
        super().sync(path)
        self.doubtful.discard(path)

    def sync_directory(self, path: Path) -> None:
        self._call()
        super().sync_directory(path)

    def remove(self, path: Path) -> None:
        if self.calls > 0:
            self.calls -= 1
            super().remove(path)
            self.doubtful.discard(path)

    def lose_power(self, chance: random.Random) -> None:
        """Every doubtful file becomes one of the things that it may be after a loss of power."""
        for path in sorted(self.doubtful):
            if path.exists():
                spoil(path, chance.randrange(5), chance)
        self.doubtful.clear()


def spoil(path: Path, how: int, chance: random.Random) -> None:
    data = path.read_bytes()
    if how == MISSING:
        path.unlink()
    elif how == EMPTY:
        path.write_bytes(b"")
    elif how == TORN:
        path.write_bytes(data[: chance.randrange(len(data))])
    elif how == GARBAGE:
        path.write_bytes(bytes(len(data)))
