"""The store on PostgreSQL: the same body as on SQLite."""

from __future__ import annotations

from tests.unit.state.contract import ChangesContract, KeysContract, VersionsContract, store
from tests.unit.state.tampering_contract import ConstraintsContract, TamperingContract
from tests.unit.state.watching_contract import WatchingContract

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
