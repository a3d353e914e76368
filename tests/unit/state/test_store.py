"""The store on SQLite."""

from __future__ import annotations

from tests.unit.state.contract import (
    ChangesContract,
    ConstraintsContract,
    KeysContract,
    TamperingContract,
    VersionsContract,
    WatchingContract,
    store,
)

__all__ = ["store"]


class TestKeys(KeysContract):
    pass


class TestVersions(VersionsContract):
    pass


class TestChanges(ChangesContract):
    pass


class TestTampering(TamperingContract):
    pass


class TestConstraints(ConstraintsContract):
    pass


class TestWatching(WatchingContract):
    pass
