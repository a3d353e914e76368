"""MACs over what the database says: an edited or mixed one is refused, not believed.

Each key's MAC covers its row and all its versions; the MAC of the revision covers the set of keys, so that a row that
was deleted, added or put back from an older database shows. The instance id stands in all of them.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

from signerd.errors import Reason, SignerdError
from signerd.state.rows import ChangeRow, CheckpointRow, OrderRow, ShardRow, StoredKey
from signerd.state.state_key import StateKey

Field = str | int | bytes


def encode(fields: Iterable[Field]) -> bytes:
    """Canonical and injective: each field as a type letter, its length and its bytes; raises TypeError for others."""
    return b"".join(_encoded(field) for field in fields)


def _encoded(field: object) -> bytes:
    if type(field) is str:
        data = field.encode("utf-8", "surrogatepass")
        return b"s%d:%b" % (len(data), data)
    if type(field) is bytes:
        return b"b%d:%b" % (len(field), field)
    if type(field) is int:
        return b"i%d:" % field
    raise TypeError(f"{type(field).__name__} can't stand in the state")


def key_mac(secret: StateKey, instance: str, stored: StoredKey) -> bytes:
    """MAC of a key with its versions."""
    fields: list[Field] = ["signerd.state.key.1", instance, *stored.row[:-1], len(stored.versions)]
    for version in stored.versions:
        fields += version
    return secret.mac(encode(fields))


def revision_mac(secret: StateKey, instance: str, revision: int, keys: Mapping[str, bytes]) -> bytes:
    """MAC of a revision: its number and the MAC of every key, by name."""
    fields: list[Field] = ["signerd.state.revision.1", instance, revision, len(keys)]
    for name in sorted(keys):
        fields += (name, keys[name])
    return secret.mac(encode(fields))


def change_mac(secret: StateKey, instance: str, row: ChangeRow) -> bytes:
    """MAC of a recorded answer."""
    return secret.mac(encode(["signerd.state.change.1", instance, *row[:-1]]))


def order_mac(secret: StateKey, instance: str, row: OrderRow) -> bytes:
    """MAC of an order that is under way."""
    return secret.mac(encode(["signerd.state.order.1", instance, *row[:-1]]))


def shard_mac(secret: StateKey, instance: str, row: ShardRow) -> bytes:
    """MAC of a claim to a shard."""
    return secret.mac(encode(["signerd.state.shard.1", instance, *row[:-1]]))


def checkpoint_mac(secret: StateKey, instance: str, row: CheckpointRow) -> bytes:
    """MAC of a shard's latest checkpoint."""
    return secret.mac(encode(["signerd.state.checkpoint.1", instance, *row[:-1]]))


def check_key(secret: StateKey, instance: str, stored: StoredKey) -> None:
    """Raise STATE_TAMPERED unless the MAC of the key is right."""
    try:
        right = key_mac(secret, instance, stored)
    except TypeError:
        right = b""
    _check(right, stored.row.mac, f"key {stored.row.name!r}")


def check_revision(
    secret: StateKey, instance: str, revision: int, keys: Mapping[str, bytes], mac: bytes
) -> None:
    """Raise STATE_TAMPERED unless the MAC of the revision is right for this set of keys."""
    try:
        right = revision_mac(secret, instance, revision, keys)
    except TypeError:
        right = b""
    _check(right, mac, f"revision {revision}, or the set of keys,")


def check_change(secret: StateKey, instance: str, row: ChangeRow) -> None:
    """Raise STATE_TAMPERED unless the MAC of the recorded answer is right."""
    try:
        right = change_mac(secret, instance, row)
    except TypeError:
        right = b""
    _check(right, row.mac, f"the answer to request {row.request_id!r}")


def check_order(secret: StateKey, instance: str, row: OrderRow) -> None:
    """Raise STATE_TAMPERED unless the MAC of the order is right."""
    try:
        right = order_mac(secret, instance, row)
    except TypeError:
        right = b""
    _check(right, row.mac, f"the order {row.tag!r}")


def check_shard(secret: StateKey, instance: str, row: ShardRow) -> None:
    """Raise STATE_TAMPERED unless the MAC of the claim is right."""
    try:
        right = shard_mac(secret, instance, row)
    except TypeError:
        right = b""
    _check(right, row.mac, f"the claim to shard {row.name!r}")


def check_checkpoint(secret: StateKey, instance: str, row: CheckpointRow) -> None:
    """Raise STATE_TAMPERED unless the MAC of the checkpoint is right."""
    try:
        right = checkpoint_mac(secret, instance, row)
    except TypeError:
        right = b""
    _check(right, row.mac, f"the checkpoint of shard {row.shard!r}")


def tampered(problem: str) -> SignerdError:
    """The error for a database that is not the one signerd wrote."""
    return SignerdError(Reason.STATE_TAMPERED, f"{problem}; {Reason.STATE_TAMPERED.value.remedy}")


def _check(right: bytes, given: object, what: str) -> None:
    if not (right and isinstance(given, bytes) and hmac.compare_digest(right, given)):
        raise tampered(
            f"{what} in the state database does not match its MAC: edited, or the state key is another"
        )
