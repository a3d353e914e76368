"""Orders: key material that was asked for at a provider and is in no key yet; runs inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.keys import Key, KeyVersion, Purpose, State
from signerd.errors import Reason, SignerdError
from signerd.state.authentication import check_order, order_mac
from signerd.state.changes import ChangeRequest
from signerd.state.rows import OrderRow, from_microseconds, to_json, to_microseconds
from signerd.state.schema import ORDERS
from signerd.state.state_key import StateKey


class Owner(NamedTuple):
    """Who works on an order: a worker, which a restart leaves the same, and its life, which is new after each."""

    worker: str
    life: str


LOST = "signerd/lost"
"""The label of an order for a new version that says that the one before can't sign any more."""
NOBODY = ""
"""The life of an order that was given up: anybody may settle it."""


@dataclass(frozen=True, slots=True)
class PendingOrder:
    """What was asked for, with all that a key is made of but its material; `created` becomes the key's."""

    tag: str
    key: str
    version: int
    algorithm: Algorithm
    purpose: Purpose
    provider: str
    labels: Mapping[str, str]
    created: datetime
    change: ChangeRequest

    def version_with(self, uri: str, public_key: bytes) -> KeyVersion:
        """The version that comes of the order; `public_key` is DER."""
        return KeyVersion(self.key, self.version, State.ACTIVE, uri, public_key, self.created)

    def key_with(self, uri: str, public_key: bytes) -> Key:
        """The key that comes of the order; `public_key` is DER."""
        version = self.version_with(uri, public_key)
        return Key(
            name=self.key,
            algorithm=self.algorithm,
            purpose=self.purpose,
            provider=self.provider,
            primary=self.version,
            versions=(version,),
            created=self.created,
            created_by=self.change.caller,
            labels=self.labels,
        )


def insert_order(connection: Connection, secret: StateKey, instance: str, row: OrderRow) -> None:
    """Note an order; the row's MAC is made here."""
    row = row._replace(mac=order_mac(secret, instance, row))
    connection.execute(ORDERS.insert().values(row._asdict()))


def unsettled_tags(connection: Connection, owner: Owner, silent_since: datetime) -> list[str]:
    """Orders to settle, oldest first."""
    wanted = select(ORDERS.c.tag).where(_unsettled(owner, silent_since))
    return list(connection.scalars(wanted.order_by(ORDERS.c.created, ORDERS.c.tag)))


def claimable_order(
    connection: Connection, tag: str, owner: Owner, silent_since: datetime
) -> OrderRow | None:
    """The order if it is the owner's or to be settled by anybody; not yet authenticated."""
    free = _unsettled(owner, silent_since) | _of(owner)
    found = connection.execute(select(ORDERS).where(ORDERS.c.tag == tag, free)).one_or_none()
    return OrderRow._make(found) if found is not None else None


def hand_over(
    connection: Connection, secret: StateKey, instance: str, row: OrderRow, owner: Owner, now: datetime
) -> None:
    """Give an order to an owner; raises STATE_TAMPERED if the row was edited."""
    check_order(secret, instance, row)
    row = row._replace(worker=owner.worker, life=owner.life, touched=to_microseconds(now))
    row = row._replace(mac=order_mac(secret, instance, row))
    connection.execute(ORDERS.update().where(ORDERS.c.tag == row.tag).values(row._asdict()))


def owned_order(connection: Connection, tag: str, owner: Owner) -> OrderRow | None:
    """The order if it is the owner's; not yet authenticated."""
    found = connection.execute(select(ORDERS).where(ORDERS.c.tag == tag, _of(owner))).one_or_none()
    return OrderRow._make(found) if found is not None else None


def order_exists(connection: Connection, tag: str) -> bool:
    """Whether there is an order of that tag, whosever."""
    return connection.scalar(select(ORDERS.c.tag).where(ORDERS.c.tag == tag)) is not None


def remove_order(connection: Connection, tag: str, owner: Owner | None = None) -> bool:
    """Remove an order, only while it is the owner's if one is given; whether that was so."""
    same: ColumnElement[bool] = ORDERS.c.tag == tag
    removed = connection.execute(ORDERS.delete().where(same if owner is None else same & _of(owner)))
    return bool(removed.rowcount)


def to_row(order: PendingOrder, owner: Owner, now: datetime) -> OrderRow:
    """Row of an order, its MAC still empty."""
    return OrderRow(
        order.tag,
        order.key,
        order.version,
        order.algorithm.name,
        order.purpose.value,
        order.provider,
        to_json(order.labels),
        to_microseconds(order.created),
        order.change.request_id,
        order.change.caller,
        order.change.request_hash,
        order.change.kind,
        owner.worker,
        owner.life,
        to_microseconds(now),
        b"",
    )


def to_order(row: OrderRow) -> PendingOrder:
    """The order of an authenticated row; raises STATE_UNAVAILABLE for what only a newer signerd knows."""
    try:
        return PendingOrder(
            tag=row.tag,
            key=row.key_name,
            version=row.version,
            algorithm=algorithm_named(row.algorithm),
            purpose=Purpose(row.purpose),
            provider=row.provider,
            labels=json.loads(row.labels),
            created=from_microseconds(row.created),
            change=ChangeRequest(row.request_id, row.caller, row.request_hash, row.kind),
        )
    except (ValueError, SignerdError) as error:
        message = (
            f"the order of key {row.key_name!r} is not understood ({error}); run the signerd that wrote it"
        )
        raise SignerdError(Reason.STATE_UNAVAILABLE, message) from None


def _of(owner: Owner) -> ColumnElement[bool]:
    return (ORDERS.c.worker == owner.worker) & (ORDERS.c.life == owner.life)


def _unsettled(owner: Owner, silent_since: datetime) -> ColumnElement[bool]:
    # Of this worker's earlier lives, given up, or of anybody who has been silent for too long.
    earlier = (ORDERS.c.worker == owner.worker) & (ORDERS.c.life != owner.life)
    silent = ORDERS.c.touched < to_microseconds(silent_since)
    return earlier | silent | (ORDERS.c.life == NOBODY)
