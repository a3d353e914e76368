"""The system calls that make a log durable: the seam where tests put a disk that fails."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
# O_DSYNC: a write returns when data and size are durable, one call instead of two. O_APPEND: a file that somebody else
# cut or wrote to shows in its size.
APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_DSYNC | os.O_CLOEXEC | os.O_NOFOLLOW


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
        written = os.write(fd, data)
        while written < len(data):
            written += os.write(fd, memoryview(data)[written:])

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

    def remove(self, path: Path) -> None:
        """Remove a file, if that is possible."""
        with suppress(OSError):
            path.unlink()
