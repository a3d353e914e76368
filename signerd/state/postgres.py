"""The shared database: PostgreSQL through asyncpg, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from signerd.state.failures import unavailable
from signerd.state.location import PostgresLocation

T = TypeVar("T")
CHANNEL = "signerd_state"
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 10.0
POLL_SECONDS = 1.0
ATTEMPTS = 3
# serialization_failure, deadlock_detected
TRANSIENT = frozenset({"40001", "40P01"})
SETTINGS = {
    "application_name": "signerd",
    "lock_timeout": "5s",
    # A daemon that stands still must not hold up the others.
    "idle_in_transaction_session_timeout": "10s",
}
DRIVER_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


async def connect(location: PostgresLocation) -> asyncpg.Connection:
    """Open a connection of the driver; raises its errors."""
    return await asyncpg.connect(
        location.uri,
        password=location.password() if location.password else None,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        server_settings=SETTINGS,
    )


def make_engine(location: PostgresLocation) -> AsyncEngine:
    """An engine that connects as `connect` does."""
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(location),
        pool_size=2,
        max_overflow=2,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=True,
    )


class PostgresDatabase:
    """A PostgreSQL database that `ensure_schema` prepared."""

    def __init__(self, location: PostgresLocation) -> None:
        self._location = location
        self._engine = make_engine(location)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """See Database."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return await self._run(options, transaction)

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """See Database."""

        def locked(connection: Connection) -> T:
            # Writers take turns; under READ COMMITTED each then sees what the one before wrote. Readers don't wait.
            connection.execute(text("LOCK TABLE revision IN EXCLUSIVE MODE"))
            result = transaction(connection)
            connection.execute(text(f"NOTIFY {CHANNEL}"))
            return result

        return await self._run({"isolation_level": "READ COMMITTED"}, locked)

    async def follow(self, changed: Callable[[], Awaitable[None]]) -> None:
        """See Database."""
        try:
            connection = await connect(self._location)
            try:
                await _follow(connection, changed)
            finally:
                connection.terminate()
        except DRIVER_ERRORS as error:
            raise unavailable(self._location, error) from None

    async def close(self) -> None:
        """See Database."""
        await self._engine.dispose()

    async def _run(self, options: dict[str, object], transaction: Callable[[Connection], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._transact(options, transaction)
            except DRIVER_ERRORS as error:
                if attempt == ATTEMPTS or not _transient(error):
                    raise unavailable(self._location, error) from None
        raise AssertionError("unreachable")

    async def _transact(self, options: dict[str, object], transaction: Callable[[Connection], T]) -> T:
        async with self._engine.connect() as connection:
            await connection.execution_options(**options)
            async with connection.begin():
                return await connection.run_sync(transaction)


async def _follow(connection: asyncpg.Connection, changed: Callable[[], Awaitable[None]]) -> None:
    woken = asyncio.Event()

    def wake(*_: object) -> None:
        woken.set()

    await connection.add_listener(CHANNEL, wake)
    connection.add_termination_listener(wake)
    seen: int | None = None
    while True:
        woken.clear()
        # Also shows that the connection lives, and finds a change whose notification was lost.
        revision: int | None = await connection.fetchval("SELECT value FROM revision")
        if revision != seen:
            seen = revision
            await changed()
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await woken.wait()
        except TimeoutError:
            pass


def _transient(error: BaseException) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) in TRANSIENT
