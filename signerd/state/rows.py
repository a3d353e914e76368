"""Rows as they stand in the database, and their way to and from `core.keys`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from signerd.core.algorithms import algorithm_named
from signerd.core.keys import Key, KeyVersion, Purpose, State
from signerd.errors import Reason, SignerdError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KeyRow(NamedTuple):
    """A row of `keys`, columns in the table's order."""

    name: str
    algorithm: str
    purpose: str
    provider: str
    labels: str
    primary_version: int
    created: int
    created_by: str
    revision: int
    mac: bytes


class VersionRow(NamedTuple):
    """A row of `versions`, columns in the table's order."""

    key_name: str
    number: int
    state: str
    uri: str
    public_key: bytes
    created: int


class StoredKey(NamedTuple):
    """A key as stored: its row and those of its versions by rising number."""

    row: KeyRow
    versions: tuple[VersionRow, ...]


class ChangeRow(NamedTuple):
    """A row of `changes`, columns in the table's order."""

    request_id: str
    caller: str
    request_hash: bytes
    kind: str
    response: bytes
    revision: int
    created: int
    mac: bytes


class OrderRow(NamedTuple):
    """A row of `orders`, columns in the table's order."""

    tag: str
    key_name: str
    version: int
    algorithm: str
    purpose: str
    provider: str
    labels: str
    created: int
    request_id: str
    caller: str
    request_hash: bytes
    kind: str
    worker: str
    life: str
    touched: int
    mac: bytes


class ShardRow(NamedTuple):
    """A row of `shards`, columns in the table's order; `ended` is 0 while the shard may be appended to."""

    name: str
    base: str
    token: str
    inode: int
    place: str
    claimed: int
    ended: int
    mac: bytes


class CheckpointRow(NamedTuple):
    """A row of `checkpoints`, columns in the table's order."""

    shard: str
    size: int
    root: bytes
    note: bytes
    made: int
    mac: bytes


def to_microseconds(time: datetime) -> int:
    """Microseconds since 1970-01-01 UTC of an aware time."""
    return (time - EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """Aware UTC time of microseconds since 1970-01-01 UTC."""
    return EPOCH + timedelta(microseconds=value)


def to_json(labels: Mapping[str, str]) -> str:
    """Labels as they stand in a column: the same labels are the same text."""
    return json.dumps(dict(labels), sort_keys=True, separators=(",", ":"))


def to_stored(key: Key, revision: int) -> StoredKey:
    """Rows of a key, its MAC still empty."""
    row = KeyRow(
        key.name,
        key.algorithm.name,
        key.purpose.value,
        key.provider,
        to_json(key.labels),
        key.primary,
        to_microseconds(key.created),
        key.created_by,
        revision,
        b"",
    )
    return StoredKey(row, tuple(_version_row(version) for version in key.versions))


def to_key(stored: StoredKey) -> Key:
    """The key of authenticated rows; raises STATE_UNAVAILABLE for what only a newer signerd knows."""
    row = stored.row
    try:
        return Key(
            name=row.name,
            algorithm=algorithm_named(row.algorithm),
            purpose=Purpose(row.purpose),
            provider=row.provider,
            primary=row.primary_version,
            versions=tuple(_version(version) for version in stored.versions),
            created=from_microseconds(row.created),
            created_by=row.created_by,
            labels=json.loads(row.labels),
        )
    except (ValueError, SignerdError) as error:
        message = f"key {row.name!r} is not understood ({error}); run the signerd version that wrote it, or a newer one"
        raise SignerdError(Reason.STATE_UNAVAILABLE, message) from None


def _version_row(version: KeyVersion) -> VersionRow:
    created = to_microseconds(version.created)
    return VersionRow(
        version.key, version.number, version.state.value, version.uri, version.public_key, created
    )


def _version(row: VersionRow) -> KeyVersion:
    return KeyVersion(
        row.key_name, row.number, State(row.state), row.uri, row.public_key, from_microseconds(row.created)
    )
