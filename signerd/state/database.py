"""The database as the store sees it: transactions are plain functions of a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from signerd.state.location import Location, SqliteLocation

T = TypeVar("T")


class Database(Protocol):
    """SQLite or PostgreSQL. All methods raise SignerdError only (STATE_UNAVAILABLE), and what a transaction raises."""

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run in one transaction that sees one state of all tables and writes nothing."""

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run in one transaction, durable on return; writers of all processes take turns. May run it again."""

    async def follow(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Call `changed` now and whenever any process wrote, until cancelled; raises when the connection is lost."""

    async def close(self) -> None:
        """Close all connections."""


def open_database(location: Location) -> Database:
    """The database of a location; connects on first use, in the process and event loop that use it."""
    if isinstance(location, SqliteLocation):
        from signerd.state.sqlite import SqliteDatabase

        return SqliteDatabase(location)
    from signerd.state.postgres import PostgresDatabase

    return PostgresDatabase(location)
