"""The snapshot: all keys at one revision, authenticated and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from signerd.core.keys import Key
from signerd.state.authentication import check_key, check_revision
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
    """Make a snapshot; raises STATE_TAMPERED. Rows that are as they were in `before` are not computed anew."""
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
            keys[name] = to_key(stored)
    return Snapshot(revision, MappingProxyType(keys), instance, MappingProxyType(contents.keys))
