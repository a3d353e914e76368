"""The state key: the secret that authenticates the state database."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from signerd.errors import Reason, SignerdError
from signerd.ownership import read_private, sync_directory, trusted_directory
from signerd.state.files import FILE_MODE

SIZE = 32
_TEXT = re.compile(rb"[0-9a-f]{64}\n?\Z")


class StateKey:
    """32 secret bytes; computes HMAC-SHA256 (RFC 2104)."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SIZE:
            raise ValueError(f"a state key has {SIZE} bytes, not {len(secret)}")
        self._secret = secret

    def mac(self, data: bytes) -> bytes:
        """HMAC-SHA256 of `data`."""
        return hmac.digest(self._secret, data, "sha256")

    def __repr__(self) -> str:
        return "StateKey(…)"

    def __reduce__(self) -> str:
        raise TypeError("a state key is not pickled")


def read_state_key(path: Path) -> StateKey:
    """Read a state key file, 64 hex digits; raises PERMISSIONS_TOO_OPEN or CONFIG_INVALID."""
    text = read_private(path, limit=2 * SIZE + 1, field="state.key_file")
    if not _TEXT.match(text):
        raise _unusable(path, "does not hold 64 hex digits; restore it from a backup")
    return StateKey(bytes.fromhex(text.decode("ascii")))


def obtain_state_key(path: Path, *, populated: bool) -> StateKey:
    """Read the state key of an embedded database, or make one if neither it nor any state exists.

    A new key for an old database would make everything in it look tampered with, so that is refused: CONFIG_INVALID.
    """
    if not path.exists():
        if populated:
            raise _unusable(path, "is missing but the state database exists; restore the file from a backup")
        _make_state_key(path)
    return read_state_key(path)


def _make_state_key(path: Path) -> None:
    trusted_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(SIZE).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _link(temporary, path)
    finally:
        temporary.unlink()
    sync_directory(path.parent)


def _link(temporary: Path, path: Path) -> None:
    # If another daemon was first, its key counts.
    with suppress(FileExistsError):
        path.hardlink_to(temporary)


def _unusable(path: Path, problem: str) -> SignerdError:
    return SignerdError(Reason.CONFIG_INVALID, f"state key file {path} {problem}", field="state.key_file")
