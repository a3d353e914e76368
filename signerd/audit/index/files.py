"""The index as a file: opened, made where there is none, thrown away where it can't be used."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from signerd.audit.index.tables import SCHEMA, is_ours

NAME: Final = "index.sqlite"
LOCK: Final = ".index.lock"
SIDES: Final = ("", "-wal", "-shm", "-journal")
BUSY: Final = 5.0
_RUINED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Unusable(Exception):
    """The index can't be read or written now: no space, no permission, or another process keeps it."""


class Ruined(Exception):
    """The file is no index of ours, or a damaged one."""


@contextmanager
def locked(directory: Path, patience: float = 0.0) -> Iterator[bool]:
    """Whether this process alone may change the index meanwhile; waits so many seconds for it. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(directory / LOCK, flags, 0o600)
    try:
        yield _taken(fd, time.monotonic() + patience)
    finally:
        os.close(fd)


def _taken(fd: int, end: float) -> bool:
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)


@contextmanager
def opened(directory: Path) -> Iterator[sqlite3.Connection]:
    """The index, for reading or, under the lock, for writing. Raises Ruined, Unusable."""
    try:
        with closing(_connected(directory / NAME)) as db:
            if not is_ours(db):
                raise Ruined("it is not an index of this format")
            yield db
    except sqlite3.Error as error:
        raise _translated(error) from error


def make(directory: Path) -> None:
    """Make an empty index unless there is one that can be used; under the lock. Raises Unusable."""
    try:
        with opened(directory):
            return
    except Ruined:
        discard(directory)
    except Unusable:
        if (directory / NAME).exists():
            raise
    fd = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    os.close(fd)
    try:
        with closing(_connected(directory / NAME)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(SCHEMA)
    except sqlite3.Error as error:
        raise _translated(error) from error


def discard(directory: Path) -> None:
    """Throw the index away; under the lock. Raises OSError."""
    for side in SIDES:
        (directory / f"{NAME}{side}").unlink(missing_ok=True)


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{_quoted(path)}?mode=rw", uri=True, timeout=BUSY, isolation_level=None)
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA cache_size = -1024")
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _translated(error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    ruined = code in _RUINED or (code == sqlite3.SQLITE_ERROR and "no such" in str(error))
    return (Ruined if ruined else Unusable)(str(error))
