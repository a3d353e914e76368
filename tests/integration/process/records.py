"""Audit records straight from the files, and signatures to compare them with."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from signerd.audit.checking import check
from signerd.audit.reading import entries
from signerd.audit.records import LARGEST_INTEGER, Record, decode
from signerd.v1.signer_pb2 import SignResponse


class Acknowledged(NamedTuple):
    """What a caller was told; the log must say the same."""

    shard: str
    sequence: int
    signature_sha256: str
    request_id: str


def acknowledged(answer: SignResponse, request_id: str) -> Acknowledged:
    digest = hashlib.sha256(answer.signature).hexdigest()
    return Acknowledged(answer.audit.shard, answer.audit.sequence, digest, request_id)


def recorded(record: Record) -> Acknowledged:
    return Acknowledged(record.shard, record.sequence, record.signature_sha256, record.request_id)


def stored(shard: Path) -> list[Record]:
    """All records of one shard in order; the daemon must have stopped. Fails unless the log is whole."""
    records = [decode(body) for body in entries(shard, 0, LARGEST_INTEGER)]
    assert check(shard) == len(records)
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))
    assert {record.shard for record in records} == {shard.name}
    return records
