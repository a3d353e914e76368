"""The snapshot: all keys at one revision, authenticated and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from signerd.core.keys import Key
from signerd.state.authentication import check_key, check_revision, tampered
from signerd.state.contents import Contents
from signerd.state.rows import StoredKey, to_key
from signerd.state.state_key import StateKey


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All keys by name. A key that did not change is the same object in the next snapshot."""

    revision: int
    keys: Mapping[str, Key]
    instance: str
    stored: Mapping[str, StoredKey] = field(repr=False)


EMPTY = Snapshot(0, MappingProxyType({}), "", MappingProxyType({}))


def authenticate(secret: StateKey, contents: Contents, before: Snapshot) -> Snapshot:
    """Make a snapshot; raises STATE_TAMPERED. `contents` is not older than `before`, whose keys are used again."""
    instance, revision, mac = contents.head
    check_revision(secret, instance, revision, contents.macs(), mac)
    known = before.stored if before.instance == instance else EMPTY.stored
    keys: dict[str, Key] = {}
    for name in sorted(contents.keys):
        stored = contents.keys[name]
        if known.get(name) == stored:
            keys[name] = before.keys[name]
        else:
            check_key(secret, instance, stored)
            _check_newer(stored, before)
            keys[name] = to_key(stored)
    return Snapshot(revision, MappingProxyType(keys), instance, MappingProxyType(contents.keys))


def _check_newer(stored: StoredKey, before: Snapshot) -> None:
    row = stored.row
    # Somebody put an older database back, and another daemon went on from there.
    if before is not EMPTY and row.revision <= before.revision:
        problem = (
            f"key {row.name!r} of revision {row.revision} is not what was there at revision {before.revision}"
        )
        raise tampered(f"{problem}: the state database went another way since it was put back")
