"""Pages of records, newest first: found in the index, shown from the log."""

from __future__ import annotations

import base64
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from signerd.audit.fetching import fetch
from signerd.audit.filters import Filter, facets_of
from signerd.audit.index import files
from signerd.audit.index.filling import Ends
from signerd.audit.index.tables import LAST_SEQUENCE, SEQUENCE_BITS, Row, condition, record_id, row_of
from signerd.audit.tiles import minimum_index
from signerd.errors import Reason, SignerdError

LONGEST: Final = 10.0
"""Seconds that a query may take."""
STEPS: Final = 10_000
"""Steps of SQLite's machine between two looks at the clock."""


class Cursor(NamedTuple):
    """The record that a page ended with."""

    time: int
    shard: str
    sequence: Annotated[int, msgspec.Meta(ge=0, le=LAST_SEQUENCE)]


class Match(NamedTuple):
    """A record that was found."""

    shard: str
    sequence: int
    json: bytes


class Matches(NamedTuple):
    """A page, and what begins the next one; None on the last. `stale`: the index does not agree with the log."""

    records: list[Match]
    next: Cursor | None
    stale: bool


_decoder = msgspec.json.Decoder(Cursor)
_NO_BODIES: Mapping[int, bytes] = {}


def token_of(cursor: Cursor | None) -> str:
    """Page token of a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode() if cursor else ""


def cursor_of(token: str) -> Cursor | None:
    """The cursor of a page token; None where it is empty, or none of the index. Raises ValueError."""
    if not token:
        return None
    try:
        return _decoder.decode(base64.b64decode(token[:512], altchars=b"-_", validate=True))
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def search(directory: Path, wanted: Filter, size: int, after: Cursor | None, own: Ends) -> Matches:
    """The next `size` records that a filter lets pass. Raises Ruined, Unusable, AUDIT_CORRUPT, DEADLINE, OSError."""
    with files.opened(directory) as db:
        shards: dict[str, int] = dict(db.execute("SELECT name, id FROM shards").fetchall())
        rows = _rows(db, shards, wanted, size + 1, after)
    names = {number: name for name, number in shards.items()}
    places = [(names.get(row.id >> SEQUENCE_BITS, ""), row) for row in rows]
    bodies = _bodies(directory, places[:size], own)
    stale, found = False, []
    for shard, row in places[:size]:
        sequence = row.id & LAST_SEQUENCE
        body = bodies.get(shard, _NO_BODIES).get(sequence)
        facets = facets_of(body) if body is not None else None
        if facets is None or row_of(row.id >> SEQUENCE_BITS, sequence, facets) != row:
            stale = stale or not shard or sequence > minimum_index(directory / shard)
        elif body is not None and wanted.matches(facets):
            found.append(Match(shard, sequence, body))
    return Matches(found, _cursor(*places[size - 1]) if len(places) > size else None, stale)


def _cursor(shard: str, row: Row) -> Cursor:
    return Cursor(row.time, shard, row.id & LAST_SEQUENCE)


def _rows(
    db: sqlite3.Connection, shards: Mapping[str, int], wanted: Filter, size: int, after: Cursor | None
) -> list[Row]:
    if wanted.shard and wanted.shard not in shards:
        return []
    where, values = condition(wanted, shards.get(wanted.shard))
    if after is not None:
        where += " AND (time, id) < (?, ?)"
        values += [after.time, record_id(shards.get(after.shard, 0), after.sequence)]
    end = time.monotonic() + LONGEST
    db.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    query = f"SELECT * FROM records WHERE {where} ORDER BY time DESC, id DESC LIMIT {size}"  # noqa: S608 - no texts
    try:
        return [Row(*row) for row in db.execute(query, values)]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        raise SignerdError(
            Reason.DEADLINE, f"the search took longer than {LONGEST:g} s; narrow it", field="filter"
        ) from None


def _bodies(directory: Path, places: Sequence[tuple[str, Row]], own: Ends) -> dict[str, Mapping[int, bytes]]:
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for shard, row in places:
        if shard:
            wanted[shard].append(row.id & LAST_SEQUENCE)
    return {
        shard: fetch(directory / shard, sequences, own.get(shard)) if (directory / shard).is_dir() else {}
        for shard, sequences in wanted.items()
    }
