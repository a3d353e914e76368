"""Keys, requests and people who get at the database without signerd."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Table, create_engine, select

from signerd.core.algorithms import DEFAULT
from signerd.core.keys import Key, KeyVersion, Purpose, State
from signerd.state.changes import ChangeRequest
from signerd.state.location import SqliteLocation
from signerd.state.orders import PendingOrder
from signerd.state.state_key import StateKey

T = TypeVar("T")
SECRET = StateKey(bytes(range(32)))
NOW = datetime(2026, 2, 3, 4, 5, 6, 789012, UTC)


def sample_key(name: str = "team-a/release", versions: int = 2) -> Key:
    states = [State.ACTIVE, State.VERIFY_ONLY, State.DESTROYED]
    made = tuple(
        KeyVersion(name, number, states[number - 1], f"local:{name}/{number}", _public(name, number), NOW)
        for number in range(1, versions + 1)
    )
    return Key(name, DEFAULT, Purpose.ARTIFACT, "local", 1, made, NOW, "unix:0", {"tier": "ü", "a": "b"})


def retired_key(name: str = "team-a/release") -> Key:
    """A key whose only version verifies and does not sign."""
    version = KeyVersion(name, 1, State.VERIFY_ONLY, f"local:{name}/1", _public(name, 1), NOW)
    return Key(name, DEFAULT, Purpose.ARTIFACT, "local", 1, (version,), NOW, "unix:0")


def sample_version(name: str = "team-a/release", uri: str = "local:old", number: int = 0) -> KeyVersion:
    """A version that is to be added."""
    return KeyVersion(name, number, State.VERIFY_ONLY, uri, _public(name, 99), NOW)


def sample_order(
    tag: str = "t1", name: str = "team-a/release", change: ChangeRequest | None = None
) -> PendingOrder:
    """An order for `sample_key(name, 1)`."""
    asked = change or sample_change()
    labels = {"tier": "ü", "a": "b"}
    return PendingOrder(tag, name, 1, DEFAULT, Purpose.ARTIFACT, "local", labels, NOW, asked)


def _public(name: str, number: int) -> bytes:
    return hashlib.sha256(f"{name}/{number}".encode()).digest()


def sample_change(
    request_id: str = "r-1", caller: str = "unix:0", of: str = "team-a/release"
) -> ChangeRequest:
    return ChangeRequest(request_id, caller, hashlib.sha256(of.encode()).digest(), "create-key")


def respond(revision: int) -> bytes:
    return b"\x00answer %d" % revision


def respond_with_key(key: Key, revision: int) -> bytes:
    return b"%d versions at %d" % (len(key.versions), revision)


class Intruder(Protocol):
    """Edits tables directly, and no constraint stops it."""

    async def run(self, work: Callable[[Connection], T]) -> T: ...


class SqliteIntruder:
    def __init__(self, location: SqliteLocation) -> None:
        self._url = f"sqlite:///{location.path}"

    async def run(self, work: Callable[[Connection], T]) -> T:
        engine = create_engine(self._url)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()


def edit_first_row(table: Table, column: str) -> Callable[[Connection], object]:
    """Changes one column of the first row; gives the new value."""

    def work(connection: Connection) -> object:
        row = connection.execute(select(table)).mappings().first()
        assert row is not None
        value = altered(row[column])
        same = [column == row[column.name] for column in table.primary_key]
        assert connection.execute(table.update().where(*same).values({column: value})).rowcount == 1
        return value

    return work


def altered(value: object) -> object:
    match value:
        case str():
            return value + "x"
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
        case int():
            return value + 7
    raise AssertionError(f"no way to alter {value!r}")
