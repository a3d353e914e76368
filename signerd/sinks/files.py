"""JSON Lines in a file that others rotate. Blocking, for a thread."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from signerd.sinks.base import Entry, Unaccepted

MODE: Final = 0o600
# Several workers append to one file: each write goes to its end in one piece.
FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NONE: Final = -1


class FileSender:
    """Appends lines; `sync` makes them durable before they count as taken. Follows the name when the file is moved."""

    def __init__(self, path: Path, *, sync: bool) -> None:
        self._path = path
        self._sync = sync
        self._fd = _NONE
        self._torn = False

    def send(self, entries: Sequence[Entry], deadline: float) -> None:
        """Append a line for each record; a line that was cut off before stands alone."""
        del deadline  # the system has no time limits for files; the caller has
        if self._fd != _NONE and self._moved():
            self.close()
        if self._fd == _NONE:
            self._open()
        lines = b"".join(b"%b\n" % entry.json for entry in entries)
        try:
            self._append(b"\n" + lines if self._torn else lines)
        except (OSError, Unaccepted):
            self.close()
            raise
        self._torn = False

    def _append(self, data: bytes) -> None:
        if os.write(self._fd, data) != len(data):
            raise Unaccepted(f"{self._path} takes no more: the disk is full, or the file too large")
        if self._sync:
            os.fdatasync(self._fd)

    def _moved(self) -> bool:
        try:
            named = self._path.lstat()
        except FileNotFoundError:
            return True
        own = os.fstat(self._fd)
        return (named.st_dev, named.st_ino) != (own.st_dev, own.st_ino)

    def _open(self) -> None:
        fd = os.open(self._path, FLAGS, MODE)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise Unaccepted(f"{self._path} is no regular file")
        self._fd = fd
        self._torn = found.st_size > 0 and os.pread(fd, 1, found.st_size - 1) != b"\n"

    def reopen(self) -> None:
        """Open the file by its name again."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, _NONE
        if fd != _NONE:
            os.close(fd)
