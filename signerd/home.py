"""The home directory: ours alone, and one daemon's at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from signerd.errors import Reason, SignerdError
from signerd.ownership import private_directory


class HomeLock:
    """Holds HOME/lock as long as a process that has its descriptor lives: hand `fd` to the workers too."""

    def __init__(self, home: Path) -> None:
        self._path = home / "lock"
        private_directory(home, "home")
        self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._in_use() from None
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, f"{os.getpid()}\n".encode(), 0)

    def _in_use(self) -> SignerdError:
        pid = os.pread(self.fd, 20, 0).decode("ascii", "replace").strip()
        os.close(self.fd)
        who = f"process {pid}" if pid.isdigit() else "another process"
        return SignerdError(Reason.HOME_IN_USE, f"{self._path.parent} is in use by {who}", field="home")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)
