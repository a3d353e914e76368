"""Tables of a folder of evidence, as JSON and as CSV: the same rows, in an order that depends on nothing else. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from signerd.cli.evidence.tallies import Count, Quotes
from signerd.cli.key_tables import purpose_text, state_text
from signerd.cli.output import time_text
from signerd.exports import csv
from signerd.exports.records import fields_of

if TYPE_CHECKING:
    from signerd.v1.evidence_pb2 import Grant, ShardHeads
    from signerd.v1.resources_pb2 import Key

Row = dict[str, object]
OWNER: Final = "owner"
"""The label that says whose a key is."""


def encoded(document: object) -> bytes:
    """JSON for people, the same bytes for the same document."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def csv_of(rows: Sequence[Row]) -> bytes:
    """Rows as CSV; the columns are those of the first row. No rows, no header."""
    lines = [list(rows[0])] if rows else []
    lines += [[_text(value) for value in row.values()] for row in rows]
    return "".join(",".join(map(csv.field, line)) + csv.END for line in lines).encode()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def table(name: str, rows: Sequence[Row]) -> dict[str, bytes]:
    """The files NAME.json and NAME.csv."""
    return {f"{name}.json": encoded({name: rows}), f"{name}.csv": csv_of(rows)}


def quoted(name: str, quotes: Quotes) -> dict[str, bytes]:
    """Records as NAME.json, whole, and NAME.csv, with the columns of the audit log's export."""
    records = sorted(quotes.records, key=lambda one: one.order)
    document = {"left_out": quotes.left_out, "records": [fields_of(one.body) for one in records]}
    lines = [csv.header(), *(csv.line(one.body) for one in records)]
    return {f"{name}.json": encoded(document), f"{name}.csv": "".join(lines).encode()}


def key_rows(keys: Sequence[Key], used: Mapping[str, str], until: datetime) -> list[Row]:
    """The inventory: a row for each version. `used` has the time of the last signature by `keys/NAME/versions/N`."""
    rows: list[Row] = []
    for key in sorted(keys, key=lambda one: one.name):
        for version in key.versions:
            created = version.create_time.ToDatetime(until.tzinfo)
            rows.append(
                {
                    "name": key.name,
                    "version": version.version,
                    "primary": version.version == key.primary_version,
                    "state": state_text(version.state),
                    "purpose": purpose_text(key.purpose),
                    "owner": key.labels.get(OWNER) or key.created_by,
                    "created_by": key.created_by,
                    "provider": key.provider,
                    "algorithm": key.algorithm,
                    "created": time_text(version.create_time),
                    "age_days": max(0, (until - created).days),
                    "last_use": used.get(version.name, ""),
                    "key_id": version.key_id,
                    "uri": version.uri,
                }
            )
    return rows


def grant_rows(grants: Sequence[Grant]) -> list[Row]:
    """Who may do what."""
    return [
        {
            "subject": one.subject,
            "proof": one.proof,
            "listener": one.listener,
            "operations": list(one.operations),
            "keys": list(one.keys),
            "source": one.source,
        }
        for one in grants
    ]


def counted_rows(names: Sequence[str], counts: Mapping[tuple[str, str, str, str], Count]) -> list[Row]:
    """Groups with how often they happened."""
    return [
        {
            **dict(zip(names, group, strict=True)),
            "count": count.count,
            "first": count.first,
            "last": count.last,
        }
        for group, count in sorted(counts.items())
    ]


def shard_rows(shards: Sequence[ShardHeads], cosigners: Mapping[str, list[str]]) -> list[Row]:
    """The logs: their sizes when the period began and ended, and who vouches for them."""
    return [
        {
            "shard": one.shard,
            "origin": one.origin,
            "begin_size": one.begin.size,
            "end_size": one.end.size,
            "unproven": one.unproven,
            "pruned": one.pruned,
            "cosigned_by": cosigners.get(one.shard, []),
            "problem": one.problem,
        }
        for one in shards
    ]
