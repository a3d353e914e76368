"""Audit records straight from the files, and signatures to compare them with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from signerd.audit.checking import check
from signerd.audit.frames import walk
from signerd.audit.records import Record, decode
from signerd.audit.segments import read_header, segments_in
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
    records = list(_walked(shard))
    assert check(shard) == len(records)
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))
    assert {record.shard for record in records} == {shard.name}
    return records


def _walked(shard: Path) -> Iterator[Record]:
    paths = segments_in(shard)
    for path, following in zip(paths, [*paths[1:], None], strict=True):
        with path.open("rb") as file:
            found = read_header(file)
            assert found is not None
            end = path.stat().st_size if following is None else _sealed(following)
            for frame in walk(file, found[1], end):
                yield decode(frame.body)


def _sealed(following: Path) -> int:
    with following.open("rb") as file:
        found = read_header(file)
    assert found is not None
    return found[0].previous_length
