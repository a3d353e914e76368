"""The embedded database: SQLite in WAL mode, used on one thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from signerd.state.failures import unavailable
from signerd.state.files import check_private
from signerd.state.location import SqliteLocation

T = TypeVar("T")
Identity = tuple[int, int]
BUSY_SECONDS = 5.0
POLL_SECONDS = 0.25
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)


class SqliteDatabase:
    """A SQLite file that `ensure_schema` made."""

    def __init__(self, location: SqliteLocation) -> None:
        self._location = location
        self._thread = ThreadPoolExecutor(1, "signerd-state")
        self._engine = create_engine(
            URL.create("sqlite+pysqlite", database=str(location.path)),
            pool_size=1,
            max_overflow=0,
            # Transactions begin where `_transact` says so, not where the driver guesses.
            connect_args={"isolation_level": None, "timeout": BUSY_SECONDS, "check_same_thread": True},
        )
        event.listen(self._engine, "connect", _prepare)
        self._file: Identity | None = None
        self._observer: sqlite3.Connection | None = None

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """See Database."""
        return await self._run(lambda: self._transact("BEGIN", transaction))

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """See Database."""
        return await self._run(lambda: self._transact("BEGIN IMMEDIATE", transaction))

    async def follow(self, changed: Callable[[], Awaitable[None]]) -> None:
        """See Database."""
        seen: tuple[Identity, int] | None = None
        while True:
            now = await self._run(self._observe)
            if now != seen:
                seen = now
                await changed()
            await asyncio.sleep(POLL_SECONDS)

    async def close(self) -> None:
        """See Database."""
        await self._run(self._disconnect)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._translated, work)

    def _translated(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise unavailable(self._location, error) from None

    def _transact(self, begin: str, transaction: Callable[[Connection], T]) -> T:
        self._check_file()
        with self._engine.connect() as connection:
            connection.exec_driver_sql(begin)
            result = transaction(connection)
            _commit(connection)
            return result

    def _check_file(self) -> Identity:
        # SQLite goes on with a file that was removed or replaced, and what it writes there is lost.
        status = self._location.path.stat()
        check_private(self._location.path, status)
        file = (status.st_dev, status.st_ino)
        if file != self._file:
            self._disconnect()
            self._file = file
        return file

    def _observe(self) -> tuple[Identity, int]:
        file = self._check_file()
        if self._observer is None:
            uri = f"{self._location.path.as_uri()}?mode=rw"
            self._observer = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        # Changes when another connection commits, in this process or any other.
        version: int = self._observer.execute("PRAGMA data_version").fetchone()[0]
        return file, version

    def _disconnect(self) -> None:
        self._engine.dispose()
        if self._observer is not None:
            self._observer.close()
            self._observer = None


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except SQLAlchemyError:
        # A COMMIT that a deferred constraint or a full disk refused leaves SQLite's transaction open.
        connection.invalidate()
        raise


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)
