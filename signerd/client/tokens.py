"""The bearer token of calls; a token file is read again now and then, since others renew it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from signerd.errors import Reason, SignerdError

FRESH_FOR = 30.0

Metadata = tuple[tuple[str, str], ...]


class Bearer:
    """Call metadata with the token; None where there is none."""

    def __init__(self, token: str, token_file: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = token_file
        self._clock = clock
        self._stale_at = clock() + FRESH_FOR
        self._metadata = _metadata(_read(token_file) if token_file else token)

    def metadata(self) -> Metadata | None:
        """Metadata for one call."""
        if self._file and self._clock() >= self._stale_at:
            self._stale_at = self._clock() + FRESH_FOR
            self._metadata = _metadata(_read(self._file))
        return self._metadata


def _metadata(token: str) -> Metadata | None:
    return (("authorization", f"Bearer {token}"),) if token else None


def _read(path: str) -> str:
    return read_credential(path, "token_file").decode("ascii", "replace").strip()


def read_credential(path: str, field: str) -> bytes:
    """Bytes of a certificate, key or token file; raises ENDPOINT_INVALID."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SignerdError(
            Reason.ENDPOINT_INVALID, f"can't read {field} {path}: {error.strerror}", field=field
        ) from None
