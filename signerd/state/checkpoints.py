"""The latest checkpoint of every shard of the audit log: what a log on disk must not be shorter than.

Writing one moves no revision: no decision hangs on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from signerd.errors import Reason, SignerdError
from signerd.state.authentication import check_checkpoint, checkpoint_mac
from signerd.state.contents import read_head
from signerd.state.database import Database
from signerd.state.rows import CheckpointRow, from_microseconds, to_microseconds
from signerd.state.schema import CHECKPOINTS
from signerd.state.state_key import StateKey
from signerd.state.store import utc_now


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint as the state has it: `note` is the signed note, `made` when it was kept first."""

    shard: str
    size: int
    root: bytes
    note: bytes
    made: datetime


class Checkpoints:
    """The latest checkpoint of each shard, never an earlier one. Methods raise STATE_UNAVAILABLE, STATE_TAMPERED."""

    def __init__(
        self, database: Database, secret: StateKey, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock

    async def all(self) -> dict[str, KeptCheckpoint]:
        """The latest checkpoint of every shard that has one."""
        return await self._database.read(self._read)

    async def keep(self, shard: str, size: int, root: bytes, note: bytes) -> None:
        """Keep a checkpoint that is later than the one known, or has the same size and root (more signatures).

        Raises AUDIT_CORRUPT for one that is not: two logs of one name were signed for.
        """
        made = to_microseconds(self._clock())
        row = CheckpointRow(shard, size, root, note, made, b"")
        await self._database.write(lambda connection: self._keep(connection, row))

    def _read(self, connection: Connection) -> dict[str, KeptCheckpoint]:
        instance = read_head(connection).instance
        rows = map(CheckpointRow._make, connection.execute(select(CHECKPOINTS)))
        return {row.shard: self._kept(instance, row) for row in rows}

    def _kept(self, instance: str, row: CheckpointRow) -> KeptCheckpoint:
        check_checkpoint(self._secret, instance, row)
        return KeptCheckpoint(row.shard, row.size, row.root, row.note, from_microseconds(row.made))

    def _keep(self, connection: Connection, row: CheckpointRow) -> None:
        instance = read_head(connection).instance
        same = CHECKPOINTS.c.shard == row.shard
        found = connection.execute(select(CHECKPOINTS).where(same)).one_or_none()
        if found is None:
            connection.execute(CHECKPOINTS.insert().values(self._sealed(instance, row)))
            return
        known = CheckpointRow._make(found)
        check_checkpoint(self._secret, instance, known)
        check_later(known, row)
        if known.size == row.size:
            row = row._replace(made=known.made)
        connection.execute(CHECKPOINTS.update().where(same).values(self._sealed(instance, row)))

    def _sealed(self, instance: str, row: CheckpointRow) -> dict[str, object]:
        return row._replace(mac=checkpoint_mac(self._secret, instance, row))._asdict()


def check_later(known: CheckpointRow, row: CheckpointRow) -> None:
    """Raise AUDIT_CORRUPT for a checkpoint that is earlier than the one known, or another one of the same size."""
    if row.size > known.size or (row.size, row.root) == (known.size, known.root):
        return
    raise SignerdError(
        Reason.AUDIT_CORRUPT,
        f"shard {row.shard!r} has a checkpoint of {known.size} records, and this one of {row.size} does not follow"
        " it: the log was put back, or somebody else writes one of the same name",
    )
