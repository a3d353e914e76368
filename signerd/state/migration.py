"""Brings the schema of the state database up to date, before anything uses it.

Alembic and the drivers are loaded in a child process only: they cost more memory than the rest of the state.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import threading
from contextlib import closing
from multiprocessing.connection import Connection as Pipe

from signerd.errors import Reason, SignerdError
from signerd.state.files import make_private
from signerd.state.location import Location, PostgresLocation, SqliteLocation

REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]
UPGRADE_SECONDS = 120.0


def ensure_schema(location: Location) -> None:
    """Make or upgrade the schema; any number of daemons may do so at once.

    Call it before the first thread or event loop. Raises CONFIG_INVALID for the database of a newer signerd,
    PERMISSIONS_TOO_OPEN and STATE_UNAVAILABLE.
    """
    if isinstance(location, SqliteLocation):
        _make_file(location)
        if is_head(sqlite_schema(location)):
            return
    else:
        location = _with_password(location)
    _upgrade_in_child(location)


def is_populated(location: SqliteLocation) -> bool:
    """Whether the database was used before: what decides if a missing state key may be made."""
    if not location.path.exists():
        return False
    return _query(location, "instance", "SELECT count(*) FROM instance") not in (None, 0)


def sqlite_schema(location: SqliteLocation) -> str | None:
    """Revision of the schema, None before the first."""
    found = _query(location, "alembic_version", "SELECT version_num FROM alembic_version")
    return None if found is None else str(found)


def is_head(revision: str | None) -> bool:
    """Whether nothing is left to do; raises CONFIG_INVALID for a revision that this code does not know."""
    if revision is not None and revision not in REVISIONS:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"the state database has schema {revision!r}, this signerd knows up to {HEAD!r}; run the newer signerd",
            field="state.url",
        )
    return revision == HEAD


def _make_file(location: SqliteLocation) -> None:
    try:
        make_private(location.path)
    except OSError as error:
        raise _unavailable(location, error) from None


def _query(location: SqliteLocation, table: str, statement: str) -> str | int | None:
    try:
        with closing(sqlite3.connect(location.path, timeout=5)) as connection:
            exists = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
            if not connection.execute(exists, (table,)).fetchone()[0]:
                return None
            row: tuple[str | int] | None = connection.execute(statement).fetchone()
            return row[0] if row else None
    except sqlite3.Error as error:
        raise _unavailable(location, error) from None


def _unavailable(location: Location, error: Exception) -> SignerdError:
    return SignerdError(Reason.STATE_UNAVAILABLE, f"the state database {location} can't be used: {error}")


def _with_password(location: PostgresLocation) -> PostgresLocation:
    # Read here: the child may have another view of files and environment.
    if location.password is None:
        return location
    return PostgresLocation(location.uri, Password(location.password()))


class Password:
    """A password that is known; can be sent to the child."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self) -> str:
        """The password."""
        return self._value

    def __repr__(self) -> str:
        return "Password(…)"


def _upgrade_in_child(location: Location) -> None:
    context = multiprocessing.get_context("fork") if _may_fork() else multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_upgrade, args=(location, sender), name="signerd-migration")
    child.start()
    sender.close()
    try:
        outcome = receiver.recv() if receiver.poll(UPGRADE_SECONDS) else "took too long"
    except EOFError:
        outcome = "ended without an answer"
    finally:
        child.kill()
        child.join()
    if outcome is not None:
        raise _failure(location, outcome)


def _failure(location: Location, outcome: object) -> SignerdError:
    if isinstance(outcome, tuple):
        reason, message, field = outcome
        return SignerdError(Reason[reason], message, field=field)
    return SignerdError(
        Reason.STATE_UNAVAILABLE, f"the migration of {location} {outcome}; see the daemon's log"
    )


def _may_fork() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return threading.active_count() == 1
    return False


def _upgrade(location: Location, sender: Pipe) -> None:
    from signerd.state.upgrade import upgrade

    try:
        upgrade(location)
        sender.send(None)
    except SignerdError as error:
        sender.send((error.reason.name, error.message, error.field))
