"""Files of the embedded state: made private, refused when others can reach them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from signerd.errors import Reason, SignerdError

FILE_MODE = 0o600


def check_directory(path: Path) -> None:
    """Raise PERMISSIONS_TOO_OPEN unless only its owner (us or root) can write in the directory."""
    _check(path, path.stat(), stat.S_IWGRP | stat.S_IWOTH, "writable by others; chmod 0700 it")


def check_private(path: Path, status: os.stat_result) -> None:
    """Raise PERMISSIONS_TOO_OPEN unless only its owner (us or root) can reach the file."""
    _check(path, status, stat.S_IRWXG | stat.S_IRWXO, "open to others; chmod 0600 it")


def make_private(path: Path) -> None:
    """Make an empty file of mode 0600 unless it is there, and check it and its directory."""
    check_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        check_private(path, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make new names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(path: Path, status: os.stat_result, forbidden: int, problem: str) -> None:
    if status.st_mode & forbidden:
        raise SignerdError(Reason.PERMISSIONS_TOO_OPEN, f"{path} is {problem}")
    if status.st_uid not in (os.geteuid(), 0):
        raise SignerdError(
            Reason.PERMISSIONS_TOO_OPEN,
            f"{path} belongs to uid {status.st_uid}; chown it to uid {os.geteuid()}",
        )
