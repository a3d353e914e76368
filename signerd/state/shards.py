"""Who writes which shard of the audit log: a name is claimed once, and never given to another directory."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from signerd.state.authentication import check_shard, shard_mac
from signerd.state.contents import read_head
from signerd.state.database import Database
from signerd.state.rows import ShardRow, to_microseconds
from signerd.state.schema import SHARDS
from signerd.state.state_key import StateKey
from signerd.state.store import utc_now


@dataclass(frozen=True, slots=True)
class Claim:
    """A shard's name and the one directory it belongs to.

    `base` is what names are made of (`worker-0`); `token` stands in the directory, whose inode is `inode`; `place` is
    host and path where it was claimed. An `ended` shard is never appended to again.
    """

    name: str
    base: str
    token: str
    inode: int
    place: str
    ended: bool = False


class Shards:
    """Claims in the state database. All methods raise STATE_UNAVAILABLE and STATE_TAMPERED."""

    def __init__(
        self, database: Database, secret: StateKey, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock

    async def all(self) -> list[Claim]:
        """Every claim, in the order in which they were made."""
        return await self._database.read(lambda connection: [_claim(row) for row in self._rows(connection)])

    async def claim(self, wanted: Claim, taken: Collection[str] = ()) -> Claim:
        """Claim the first free name of `wanted.base`, whatever `wanted.name` says; `taken` are names not to give.

        A token has one name: who asks again gets the same claim.
        """
        now = to_microseconds(self._clock())

        def transaction(connection: Connection) -> Claim:
            rows = self._rows(connection)
            for row in rows:
                if row.token == wanted.token:
                    return _claim(row)
            name = free_name(wanted.base, {*taken, *(row.name for row in rows)})
            row = ShardRow(name, wanted.base, wanted.token, wanted.inode, wanted.place, now, 0, b"")
            connection.execute(SHARDS.insert().values(self._sealed(connection, row)))
            return _claim(row)

        return await self._database.write(transaction)

    async def end(self, name: str) -> None:
        """Note that a shard is never appended to again."""
        now = to_microseconds(self._clock())

        def transaction(connection: Connection) -> None:
            for row in self._rows(connection):
                if row.name == name and not row.ended:
                    ended = self._sealed(connection, row._replace(ended=now))
                    connection.execute(SHARDS.update().where(SHARDS.c.name == name).values(ended))

        await self._database.write(transaction)

    def _rows(self, connection: Connection) -> list[ShardRow]:
        instance = read_head(connection).instance
        ordered = select(SHARDS).order_by(SHARDS.c.claimed, SHARDS.c.name)
        rows = [ShardRow._make(row) for row in connection.execute(ordered)]
        for row in rows:
            check_shard(self._secret, instance, row)
        return rows

    def _sealed(self, connection: Connection, row: ShardRow) -> dict[str, object]:
        mac = shard_mac(self._secret, read_head(connection).instance, row)
        return row._replace(mac=mac)._asdict()


def _claim(row: ShardRow) -> Claim:
    return Claim(row.name, row.base, row.token, row.inode, row.place, bool(row.ended))


def free_name(base: str, taken: Collection[str]) -> str:
    """The first of `base`, `base-2`, `base-3` and so on that is not taken."""
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name
