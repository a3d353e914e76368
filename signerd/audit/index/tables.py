"""Tables of the index. Texts stand in it as numbers made from them: it is small, and gives nothing away by itself.

Two texts may have the same number; the records, read from the log, tell them apart. What is empty is null, and so are
the operation and outcome that most records have: these are left out of the indexes.
"""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from signerd.audit.filters import Facets, Filter

APPLICATION: Final = 0x53474E49
FORMAT: Final = 1
SEQUENCE_BITS: Final = 40
SHARDS: Final = 1 << 22
LAST_SEQUENCE: Final = (1 << SEQUENCE_BITS) - 1
SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE shards (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, mark TEXT NOT NULL, next INTEGER NOT NULL,
    last BLOB NOT NULL, pruned INTEGER NOT NULL
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, time INTEGER NOT NULL, key INTEGER, version INTEGER, caller INTEGER, operation INTEGER,
    outcome INTEGER, reason INTEGER, digest INTEGER, request_id INTEGER
);
CREATE INDEX by_time ON records (time);
CREATE INDEX by_key ON records (key, time) WHERE key IS NOT NULL;
CREATE INDEX by_caller ON records (caller, time) WHERE caller IS NOT NULL;
CREATE INDEX by_operation ON records (operation, time) WHERE operation IS NOT NULL;
CREATE INDEX by_outcome ON records (outcome, time) WHERE outcome IS NOT NULL;
CREATE INDEX by_reason ON records (reason, time) WHERE reason IS NOT NULL;
CREATE INDEX by_digest ON records (digest) WHERE digest IS NOT NULL;
CREATE INDEX by_request ON records (request_id) WHERE request_id IS NOT NULL;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
COMMIT;
"""
INSERT: Final = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
USUAL: Final = {"operation": "sign", "outcome": "ok"}
COLUMNS: Final = ("key", "caller", "operation", "outcome", "reason", "digest", "request_id")


class Row(NamedTuple):
    """A record in the index."""

    id: int
    time: int
    key: int | None
    version: int
    caller: int | None
    operation: int | None
    outcome: int | None
    reason: int | None
    digest: int | None
    request_id: int | None


class Position(NamedTuple):
    """A record's shard and sequence."""

    shard: str
    sequence: int


def record_id(shard: int, sequence: int) -> int:
    """Row id of a record, by its shard's id."""
    return shard << SEQUENCE_BITS | sequence


def row_of(shard: int, sequence: int, found: Facets) -> Row:
    """The row of a record."""
    return Row(
        record_id(shard, sequence),
        found.micros,
        _common(found.key),
        found.version,
        _common(found.caller),
        None if found.operation == USUAL["operation"] else _common(found.operation),
        None if found.outcome == USUAL["outcome"] else _common(found.outcome),
        _common(found.reason),
        number(found.digest),
        number(found.request_id),
    )


def number(text: str) -> int | None:
    """What stands for a text: 48 bits of its hash; null for an empty one."""
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=6).digest()) if text else None


_common = lru_cache(maxsize=4096)(number)


def condition(wanted: Filter, shard: int | None) -> tuple[str, list[int]]:
    """The condition of a filter, and its parameters; `shard` is the id of the one wanted."""
    terms: list[tuple[str, int | None]] = []
    for name in COLUMNS:
        text = getattr(wanted, name)
        if text and text == USUAL.get(name):
            terms.append((f"{name} IS NULL", None))
        elif text:
            terms.append((f"{name} = ?", number(text)))
    if wanted.version:
        terms.append(("version = ?", wanted.version))
    if shard is not None:
        terms += [("id > ?", record_id(shard, 0)), ("id < ?", record_id(shard + 1, 0))]
    if wanted.since is not None:
        terms.append(("time >= ?", wanted.since))
    if wanted.until is not None:
        terms.append(("time < ?", wanted.until))
    found = " AND ".join(term for term, _ in terms) or "TRUE"
    return found, [value for _, value in terms if value is not None]


def is_ours(db: sqlite3.Connection) -> bool:
    """Whether the tables are there, of this format."""
    (application,), (form,) = (
        db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    return (application, form) == (APPLICATION, FORMAT)
