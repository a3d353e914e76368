"""The space that requests leave to administration: below it only administration is put on record."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Final

from signerd.audit.disk import Disk

SHARE: Final = 10
LARGEST: Final = 1 << 30
LOOKS: Final = 32
"""Looks at the free space while as much as the reserve is written."""
INTERVAL: Final = 1.0


class Reserve:
    """Watches the file system of a directory. `size` in bytes; None: a tenth of it, at most 1 GiB. For one thread."""

    def __init__(self, directory: Path, disk: Disk, size: int | None) -> None:
        self.problem = ""
        self._directory = directory
        self._disk = disk
        self._size = size
        self._threshold = 0
        self._written = 0
        self._looked = 0.0

    def wrote(self, count: int) -> bool:
        """Tell what was written; looks at the space where it is time to. Returns whether `problem` changed."""
        self._written += count
        if self._written * LOOKS < self._threshold and monotonic() - self._looked < INTERVAL:
            return False
        return self.look()

    def look(self) -> bool:
        """Look at the space now. Returns whether `problem` changed; what can't be looked at stays as it was."""
        self._written, self._looked = 0, monotonic()
        try:
            space = self._disk.space(self._directory)
        except OSError:
            return False
        self._threshold = min(space.total // SHARE, LARGEST) if self._size is None else self._size
        # Once short, an eighth more must be free: what is at the edge would come and go.
        needed = self._threshold + self._threshold // 8 if self.problem else self._threshold
        before, self.problem = self.problem, self._told(space.free) if space.free < needed else ""
        return bool(before) != bool(self.problem)

    def _told(self, free: int) -> str:
        return (
            f"{free >> 20} MiB are free for the audit log, and {self._threshold >> 20} MiB are kept for administration;"
            " make room on the file system of audit.directory, or lower audit.reserve"
        )
