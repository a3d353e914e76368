"""The file of the embedded database: made private, refused when others can reach it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from signerd.ownership import GROUP_OR_OTHERS, too_open, trusted_directory, trusted_owner

FILE_MODE = 0o600


def check_private(path: Path, status: os.stat_result) -> None:
    """Raise PERMISSIONS_TOO_OPEN unless only its owner (us or root) can reach the file."""
    if status.st_mode & GROUP_OR_OTHERS:
        raise too_open(f"{path} has mode {stat.S_IMODE(status.st_mode):04o}; chmod 0600 it")
    if not trusted_owner(status.st_uid):
        raise too_open(f"{path} belongs to uid {status.st_uid}; chown it to uid {os.geteuid()}")


def make_private(path: Path) -> None:
    """Make an empty file of mode 0600 unless it is there, and check it and its directory."""
    trusted_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        check_private(path, os.fstat(descriptor))
    finally:
        os.close(descriptor)
