"""Directories of shards and the tokens in them: which directory a claim to a shard's name belongs to. Blocking.

A new shard's directory is made under another name with its token in it, then claimed, then renamed: whatever stops
this, the next start goes on with the same token, and so with the same name.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from signerd.audit.disk import DIRECTORY_MODE
from signerd.errors import Reason, SignerdError

TOKEN: Final = "token"  # noqa: S105 - the name of a file
_FORM: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST: Final = (1 << 63) - 1


class Mark(NamedTuple):
    """What tells one directory from another, and from a copy of it: the token in it, and its inode."""

    token: str
    inode: int


def marks(directory: Path, base: str) -> dict[str, Mark]:
    """The directories below `directory` named `base`, `base-2` and so on; a token that is no token is empty."""
    wanted = re.compile(rf"{re.escape(base)}(-[1-9][0-9]*)?")
    with os.scandir(directory) as found:
        names = [
            one.name for one in found if wanted.fullmatch(one.name) and one.is_dir(follow_symlinks=False)
        ]
    return {name: _mark(directory / name) for name in names}


def lock(directory: Path, base: str) -> int:
    """Keep others from choosing a shard of this base here meanwhile: a descriptor to close. Raises HOME_IN_USE."""
    fd = os.open(directory / f".{base}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise SignerdError(
            Reason.HOME_IN_USE, f"another daemon opens the audit log in {directory}; stop it"
        ) from None
    return fd


def staged(directory: Path, base: str) -> Mark | None:
    """The directory that has no name yet, if there is one with a token."""
    place = _staged(directory, base)
    mark = _mark(place) if place.is_dir() else None
    return mark if mark and mark.token else None


def stage(directory: Path, base: str) -> Mark:
    """Make the directory of a shard that has no name yet, or find the one that was left. Raises OSError."""
    place = _staged(directory, base)
    place.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    if not _mark(place).token:
        draft = place / f".{TOKEN}"
        with draft.open("w") as file:
            file.write(secrets.token_hex(16))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(place / TOKEN)
        _sync(place)
    _sync(directory)
    return _mark(place)


def settle(directory: Path, base: str, name: str) -> None:
    """Give the staged directory the name that was claimed for it. Raises OSError."""
    _staged(directory, base).rename(directory / name)
    _sync(directory)


def _staged(directory: Path, base: str) -> Path:
    return directory / f".{base}.new"


def _mark(place: Path) -> Mark:
    try:
        token = (place / TOKEN).read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        token = ""
    # Some file systems use all 64 bits; the state database has signed integers.
    return Mark(token if _FORM.fullmatch(token) else "", place.stat().st_ino & _LARGEST)


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
