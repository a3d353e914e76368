"""The system calls that make a log durable: the seam where tests put a disk that fails."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
# O_DSYNC: a write returns when data and size are durable, one call instead of two. O_APPEND: a file that somebody else
# cut or wrote to shows in its size.
APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_DSYNC | os.O_CLOEXEC | os.O_NOFOLLOW


class Space(NamedTuple):
    """Bytes of a file system: what is free for us, and all."""

    free: int
    total: int


class Disk:
    """The real disk. Every method raises OSError."""

    def create(self, path: Path) -> int:
        """Open a new file for durable appending."""
        return os.open(path, APPEND | os.O_CREAT | os.O_EXCL, FILE_MODE)

    def open(self, path: Path) -> int:
        """Open an existing file for durable appending."""
        return os.open(path, APPEND)

    def write(self, fd: int, data: bytes | bytearray) -> None:
        """Append all of `data`; it is durable when this returns."""
        _write(fd, data)

    def truncate(self, fd: int, length: int) -> None:
        """Cut a file to `length` bytes, durably."""
        os.ftruncate(fd, length)
        os.fsync(fd)

    def reserve(self, fd: int, length: int, room: int) -> None:
        """Fail if there is no room for `room` bytes behind `length`; the file is as before."""
        os.posix_fallocate(fd, length, room)
        self.truncate(fd, length)

    def stat(self, path: Path) -> os.stat_result:
        """What the path leads to now, never through a link."""
        return path.lstat()

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def replace(self, path: Path, data: bytes, new: Path, *, sync: bool = False) -> None:
        """Give a file new contents at once, written as `new` first; durable only with `sync`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(new, flags, FILE_MODE)
        try:
            _write(fd, data)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        try:
            new.rename(path)
        except FileNotFoundError:
            path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            new.rename(path)

    def sync(self, path: Path) -> None:
        """Make a file durable that was written before."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def space(self, path: Path) -> Space:
        """Room on the file system of a path."""
        found = os.statvfs(path)
        return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    def remove(self, path: Path) -> None:
        """Remove a file, if that is possible."""
        with suppress(OSError):
            path.unlink()


def _write(fd: int, data: bytes | bytearray) -> None:
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])
