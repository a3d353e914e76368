"""Bringing the index up to what the logs have, a bit at a time."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from signerd.audit.claims import TOKEN
from signerd.audit.filters import facets_of
from signerd.audit.following import Follower
from signerd.audit.index import files
from signerd.audit.index.files import Ruined, Unusable
from signerd.audit.index.tables import INSERT, LAST_SEQUENCE, SHARDS, record_id, row_of
from signerd.audit.jumping import last_sequence
from signerd.audit.reading import shards_in
from signerd.audit.segments import End, segments_in
from signerd.audit.tiles import minimum_index
from signerd.core.merkle import leaf_hash
from signerd.errors import SignerdError

BATCH: Final = 256
SLICE: Final = 32
"""Records after which others have their turn: a millisecond or less."""
COMMIT: Final = 16
"""Batches for one transaction: each writes the pages of the index that it touched anew."""
PATIENCE: Final = 0.2
"""Seconds that one process waits for another one's turn at the index."""
Ends = Mapping[str, Callable[[], End]]
"""How far this process's own shards are durable."""


class Known(NamedTuple):
    """What the index has of a shard: up to the record before `next`, whose leaf hash is `last`."""

    id: int
    mark: str
    next: int
    last: bytes
    pruned: int


@dataclass(slots=True)
class Filler:
    """Fills the index of `directory`. `rest` is how long to let others run for each second of work.

    Belongs to one thread at a time.
    """

    directory: Path
    own: Ends
    rest: float = 1.0
    _seen: dict[str, tuple[object, int]] = field(default_factory=dict)

    def fill(self, seconds: float) -> bool:
        """Work for so long at most; whether the index is now where the logs were when this began.

        Raises Unusable, OSError, and AUDIT_CORRUPT where a log is damaged.
        """
        end = time.monotonic() + seconds
        with files.locked(self.directory, min(PATIENCE, seconds)) as mine:
            if not mine:
                return self._is_current()
            files.make(self.directory)
            try:
                return self._fill(end)
            except Ruined:
                files.discard(self.directory)
                self._seen.clear()
                return False

    def discard(self) -> None:
        """Throw the index away: it does not match the log."""
        with files.locked(self.directory, PATIENCE) as mine:
            if mine:
                files.discard(self.directory)
                self._seen.clear()

    def _is_current(self) -> bool:
        """Whether another process has brought it up to date meanwhile."""
        try:
            with files.opened(self.directory) as db:
                return all(
                    _next(db, shard) > last_sequence(self.directory / shard, _end(self.own.get(shard)))
                    for shard in shards_in(self.directory)
                )
        except (Ruined, Unusable):
            return False

    def _fill(self, end: float) -> bool:
        with files.opened(self.directory) as db:
            return all(self._fill_shard(db, shard, end) for shard in shards_in(self.directory))

    def _fill_shard(self, db: sqlite3.Connection, shard: str, end: float) -> bool:
        place, own = self.directory / shard, self.own.get(shard)
        stamp = _stamp(place, own)
        if self._seen.get(shard) == (stamp, _next(db, shard)):
            return True
        known = self._settled(db, shard, own)
        follower = Follower(place, known.next, own)
        done = False
        while not done and time.monotonic() < end:
            with _transaction(db):
                done = self._take(db, known, follower, end)
        if done:
            self._seen[shard] = (stamp, follower.sequence)
        return done

    def _take(self, db: sqlite3.Connection, known: Known, follower: Follower, end: float) -> bool:
        """Take some batches; whether the log has no more."""
        last, bodies = known.last, []
        for _ in range(COMMIT):
            follower.skip_pruned()
            first, bodies = follower.sequence, follower.read(BATCH)
            for at in range(0, len(bodies), SLICE):
                began = time.thread_time()
                some = enumerate(bodies[at : at + SLICE], first + at)
                db.executemany(INSERT, [row_of(known.id, number, facets_of(body)) for number, body in some])
                time.sleep((time.thread_time() - began) * self.rest)
            last = leaf_hash(bodies[-1]) if bodies else last
            if not bodies or time.monotonic() >= end:
                break
        if follower.sequence > known.next:
            done = (follower.sequence, last, known.id)
            db.execute("UPDATE shards SET next = ?, last = ? WHERE id = ?", done)
        return not bodies

    def _settled(self, db: sqlite3.Connection, shard: str, own: Callable[[], End] | None) -> Known:
        """What the index has of a shard, after it forgot what the log has not, or not any more."""
        place = self.directory / shard
        known = _known(db, shard, _mark(place))
        if known.mark != _mark(place) or not _agrees(place, known, own):
            _forget(db, known.id, LAST_SEQUENCE)
            with _transaction(db):
                db.execute(
                    "UPDATE shards SET mark = ?, next = 1, last = ?, pruned = 0 WHERE id = ?",
                    (_mark(place), b"", known.id),
                )
            known = _known(db, shard, _mark(place))
        gone = minimum_index(place)
        if gone > known.pruned:
            _forget(db, known.id, gone)
            db.execute(
                "UPDATE shards SET pruned = ?, next = max(next, ?) WHERE id = ?", (gone, gone + 1, known.id)
            )
            known = _known(db, shard, known.mark)
        return known


def _agrees(place: Path, known: Known, own: Callable[[], End] | None) -> bool:
    """Whether the newest record that the index has is the one in the log: a torn end may have been cut off it."""
    if known.next == 1 or known.next - 1 <= minimum_index(place):
        return True
    try:
        found = Follower(place, known.next - 1, own).read(1)
    except SignerdError:
        return False
    return bool(found) and leaf_hash(found[0]) == known.last


def _forget(db: sqlite3.Connection, shard: int, up_to: int) -> None:
    """Delete the rows of a shard up to a sequence, some at a time."""
    some = "DELETE FROM records WHERE id IN (SELECT id FROM records WHERE id BETWEEN ? AND ? LIMIT 1000)"
    bounds = record_id(shard, 0), record_id(shard, min(up_to, LAST_SEQUENCE))
    while db.execute(some, bounds).rowcount:
        time.sleep(0.001)


def _known(db: sqlite3.Connection, shard: str, mark: str) -> Known:
    found = db.execute("SELECT id, mark, next, last, pruned FROM shards WHERE name = ?", (shard,)).fetchone()
    if found is None:
        db.execute("INSERT INTO shards VALUES (NULL, ?, ?, 1, ?, 0)", (shard, mark, b""))
        return _known(db, shard, mark)
    known = Known(*found)
    if (
        not 0 < known.id < SHARDS
        or {type(known.next), type(known.pruned)} != {int}
        or type(known.last) is not bytes
    ):
        raise Ruined("it has a shard that makes no sense")
    return known


def _next(db: sqlite3.Connection, shard: str) -> int:
    found = db.execute("SELECT next FROM shards WHERE name = ?", (shard,)).fetchone()
    return int(found[0]) if found else 1


class _transaction:  # noqa: N801 - reads as what it is
    """A write that is done whole or not at all."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _mark(place: Path) -> str:
    """What tells a shard's directory from another one of its name."""
    with suppress(FileNotFoundError):
        return f"{place.stat().st_ino}-{(place / TOKEN).read_text('ascii', 'replace')[:64]}"
    return f"{place.stat().st_ino}"


def _stamp(place: Path, own: Callable[[], End] | None) -> object:
    """What is another one when a shard has new records, or fewer old ones."""
    if own is not None:
        return own(), minimum_index(place)
    newest = segments_in(place)[-1:]
    sizes = [(path.name, os.stat(path).st_size) for path in newest]  # noqa: PTH116 - as quick as can be
    return sizes, minimum_index(place)


def _end(own: Callable[[], End] | None) -> End | None:
    return own() if own else None
