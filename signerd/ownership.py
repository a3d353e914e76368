"""Who owns files and directories with secrets, and who else can reach them. Fails closed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from signerd.errors import Reason, SignerdError

GROUP_OR_OTHERS = 0o077
WRITABLE_BY_OTHERS = 0o022


def too_open(text: str, field: str = "") -> SignerdError:
    """An error of reason PERMISSIONS_TOO_OPEN."""
    return SignerdError(Reason.PERMISSIONS_TOO_OPEN, text, field=field)


def trusted_owner(uid: int) -> bool:
    """Whether a file's owner is this process's user or root."""
    return uid in (os.geteuid(), 0)


def read_private(path: Path, limit: int, field: str = "") -> bytes:
    """Content of a regular file that only its owner, us or root, can read; at most `limit` bytes.

    Raises PERMISSIONS_TOO_OPEN, or CONFIG_INVALID where it is missing, no file or too large.
    """
    return read_guarded(path, limit, GROUP_OR_OTHERS, field)


def read_guarded(path: Path, limit: int, forbidden: int, field: str = "") -> bytes:
    """As read_private, with the permission bits that nobody may have."""
    try:
        # Non-blocking: a FIFO in the file's place must not hold up the start.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error.strerror, field) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable(path, "it is no regular file", field)
        _check(path, status, forbidden, field)
        with os.fdopen(fd, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    finally:
        os.close(fd)
    if len(content) > limit:
        raise _unreadable(path, f"it is larger than {limit} bytes", field)
    return content


def _unreadable(path: Path, why: str | None, field: str) -> SignerdError:
    return SignerdError(Reason.CONFIG_INVALID, f"{path} can't be read: {why}", field=field)


def _check(path: Path, status: os.stat_result, forbidden: int, field: str = "") -> None:
    if not trusted_owner(status.st_uid):
        raise too_open(f"{path} belongs to user {status.st_uid}, not to {os.geteuid()} or root", field)
    if status.st_mode & forbidden:
        mode = stat.S_IMODE(status.st_mode)
        raise too_open(f"{path} has mode {mode:04o}: take away {mode & forbidden:04o} with chmod", field)


def private_directory(path: Path, field: str = "") -> None:
    """Make a directory of mode 0700, or check that it is one of ours that nobody else can enter."""
    guarded_directory(path, GROUP_OR_OTHERS, field)


def trusted_directory(path: Path, field: str = "") -> None:
    """Make a directory of mode 0700, or check that nobody but us and root can put files into it."""
    guarded_directory(path, WRITABLE_BY_OTHERS, field)


def guarded_directory(path: Path, forbidden: int, field: str = "") -> None:
    """Make a directory of mode 0700, or check the one there; raises PERMISSIONS_TOO_OPEN, CONFIG_INVALID."""
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.stat()
    except OSError as error:
        raise SignerdError(
            Reason.CONFIG_INVALID, f"directory {path} can't be made: {error.strerror}", field=field
        ) from None
    _check(path, status, forbidden, field)


def sync_directory(path: Path) -> None:
    """Make the directory's entries durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
