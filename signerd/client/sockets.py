"""Whether a Unix socket is one to talk to: on a shared host anybody can offer one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from signerd.errors import Reason, SignerdError

ROOT = 0
WAIT = 2.0  # seconds that a socket is waited for: a daemon that is starting makes it
PAUSE = 0.1


def check_socket(path: str, expected_uid: int | None = None) -> None:
    """Raise unless `path` is a socket (no symbolic link) of the expected user, by default this one, or root.

    Raises DAEMON_UNREACHABLE where nothing is there, SOCKET_UNTRUSTED where something else is.
    """
    try:
        found = os.lstat(path)
    except OSError as error:
        raise SignerdError(
            Reason.DAEMON_UNREACHABLE, f"no daemon at unix:{path}: {error.strerror}", field="endpoint"
        ) from None
    if not stat.S_ISSOCK(found.st_mode):
        raise SignerdError(Reason.SOCKET_UNTRUSTED, f"{path} is not a socket", field="endpoint")
    expected = os.getuid() if expected_uid is None else expected_uid
    if found.st_uid not in (expected, ROOT):
        raise SignerdError(
            Reason.SOCKET_UNTRUSTED,
            f"socket {path} belongs to user {found.st_uid}, expected {expected} or root",
            field="endpoint",
        )


class SocketGuard:
    """Checks the socket before the first call of a connection; one that is missing may come. TCP has no `path`."""

    def __init__(self, path: str, expected_uid: int | None) -> None:
        self._path = path
        self._expected_uid = expected_uid
        self._passed = not path
        self._passes()

    def pauses(self, timeout: float) -> Iterator[float]:
        """Seconds to wait, again and again, until the socket is there; then, or after WAIT, as `check`."""
        for _ in range(int(min(timeout, WAIT) / PAUSE)):
            if self._passes():
                return
            yield PAUSE
        self.check()

    def check(self) -> None:
        """As `check_socket`, until it once did not raise."""
        if not self._passed:
            check_socket(self._path, self._expected_uid)
            self._passed = True

    def _passes(self) -> bool:
        if not self._passed and not _is_missing(self._path):
            self.check()
        return self._passed


def _is_missing(path: str) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
