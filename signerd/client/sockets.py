"""Whether a Unix socket is one to talk to: on a shared host anybody can offer one."""

from __future__ import annotations

import os
import stat

from signerd.errors import Reason, SignerdError

ROOT = 0


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
