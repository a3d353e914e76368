"""How far a sink has taken the records of a shard, kept in a file of its own. Blocking, for a thread.

A position that was not written any more costs records that are delivered twice, never one that is not delivered.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from signerd.errors import SignerdError
from signerd.ownership import private_directory, read_private, sync_directory

_MOST = 4096


class Position(msgspec.Struct, frozen=True):
    """The last record that a sink has, and of which instance's log."""

    instance: str
    sequence: int


class PositionFile:
    """The position of one sink in one shard."""

    def __init__(self, path: Path, instance: str) -> None:
        self._path = path
        self._instance = instance

    def read(self, newest: int) -> int:
        """Where to go on in a log that ends with `newest`; 0, the beginning, where the file can't be right.

        A sink without the file is new: it begins with the next record. Raises SignerdError if it can't be written.
        """
        if not self._path.exists():
            self.write(newest)
            return newest
        try:
            found = msgspec.json.decode(read_private(self._path, _MOST, "audit.sinks"), type=Position)
        except (msgspec.DecodeError, SignerdError):
            return 0
        fits = found.instance == self._instance and 0 <= found.sequence <= newest
        return found.sequence if fits else 0

    def write(self, sequence: int) -> None:
        """Keep a position. Raises OSError, SignerdError."""
        private_directory(self._path.parent.parent, "home")
        private_directory(self._path.parent, "home")
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(Position(self._instance, sequence)))
        fresh.chmod(0o600)
        fresh.replace(self._path)
        sync_directory(self._path.parent)
