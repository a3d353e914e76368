"""The journal: what is being made at providers, so that nothing made is forgotten when a process dies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from signerd.state.contents import read_head
from signerd.state.database import Database
from signerd.state.orders import (
    NOBODY,
    Owner,
    PendingOrder,
    claimable_order,
    hand_over,
    insert_order,
    order_exists,
    owned_order,
    remove_order,
    to_order,
    to_row,
    unsettled_tags,
)
from signerd.state.state_key import StateKey
from signerd.state.store import utc_now

SILENT = timedelta(minutes=15)
"""After so long an order is anybody's: longer than the largest time limit for making a key."""


class Journal:
    """Orders in the state database, as one worker sees them. All methods raise STATE_UNAVAILABLE."""

    def __init__(
        self,
        database: Database,
        secret: StateKey,
        owner: Owner,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._secret = secret
        self._owner = owner
        self._clock = clock

    async def begin(self, order: PendingOrder) -> None:
        """Note an order before the provider hears of it."""
        row = to_row(order, self._owner, self._clock())

        def transaction(connection: Connection) -> None:
            insert_order(connection, self._secret, read_head(connection).instance, row)

        await self._database.write(transaction)

    async def unsettled(self) -> list[str]:
        """Tags of orders of this worker's earlier lives, of those given up, and of workers silent for too long."""
        since = self._clock() - SILENT
        return await self._database.read(lambda connection: unsettled_tags(connection, self._owner, since))

    async def claim(self, tag: str) -> PendingOrder | None:
        """Take an unsettled order over, or go on with one's own; None if it is gone or somebody else's.

        Of many who claim it at once one gets it. Raises STATE_TAMPERED for an edited one.
        """
        now = self._clock()

        def transaction(connection: Connection) -> PendingOrder | None:
            row = claimable_order(connection, tag, self._owner, now - SILENT)
            if row is None:
                return None
            hand_over(connection, self._secret, read_head(connection).instance, row, self._owner, now)
            return to_order(row)

        return await self._database.write(transaction)

    async def release(self, tag: str) -> bool:
        """Give an order of one's own up, so that anybody may settle it; whether it is there, whosever it is."""
        nobody = Owner(self._owner.worker, NOBODY)
        now = self._clock()

        def transaction(connection: Connection) -> bool:
            row = owned_order(connection, tag, self._owner)
            if row is None:
                return order_exists(connection, tag)
            hand_over(connection, self._secret, read_head(connection).instance, row, nobody, now)
            return True

        return await self._database.write(transaction)

    async def end(self, tag: str) -> bool:
        """Remove an order that is settled; False if it is not one's own any more."""
        return await self._database.write(lambda connection: remove_order(connection, tag, self._owner))
