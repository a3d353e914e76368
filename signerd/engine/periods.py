"""What evidence is made of, from the files of a shard. Blocking, for a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from signerd.audit.checkpoints import Checkpoint
from signerd.audit.proofs import Nodes, tlog_proof
from signerd.audit.reading import entries
from signerd.audit.seeking import records_before, records_from
from signerd.audit.segments import SHARD, End
from signerd.audit.tiles import minimum_index

MOST: Final = 1000
LONGEST: Final = 1 << 20
"""Records of an answer, and bytes of them."""


@dataclass(frozen=True, slots=True)
class Head:
    """A size of the log with its root, and the consistency proof to the checkpoint."""

    size: int
    root: bytes
    consistency: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Period:
    """One shard in a period; `problem` says why there are no heads. `unproven` records lie behind the checkpoint."""

    shard: str
    origin: str
    problem: str = ""
    begin: Head | None = None
    end: Head | None = None
    unproven: int = 0
    checkpoint: bytes = b""
    pruned: int = 0


@dataclass(frozen=True, slots=True)
class Seal:
    """The record that has the digest of a folder, and the text of its `.tlog-proof`."""

    sequence: int
    entry: bytes
    proof: str


def period_of(
    directory: Path, checkpoint: Checkpoint, moments: tuple[str, str], own: End | None = None
) -> Period:
    """Heads of a shard at two moments, as far as a checkpoint covers them. Raises AUDIT_CORRUPT, OSError."""
    nodes = Nodes(directory, own)
    pruned = minimum_index(directory)
    begin, end = (records_before(directory, moment, checkpoint.size, own) for moment in moments)
    behind = records_from(directory, checkpoint.size, moments[1], own) if end == checkpoint.size else 0
    return Period(
        directory.name,
        checkpoint.origin,
        begin=_head(nodes, begin, checkpoint.size),
        end=_head(nodes, end, checkpoint.size),
        unproven=behind,
        checkpoint=checkpoint.note,
        pruned=pruned,
    )


def paths_of(
    directory: Path, size: int, sequences: Sequence[int], own: End | None = None
) -> list[Sequence[bytes]]:
    """Inclusion proofs of records; tiles are read once. Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND, OSError."""
    nodes = Nodes(directory, own)
    return [nodes.path(sequence - 1, 0, size) for sequence in sequences]


def bounded_entries(directory: Path, first: int, last: int, own: End | None = None) -> list[bytes]:
    """Records by their sequences, not more than fit into an answer. Raises AUDIT_CORRUPT, OSError."""
    found: list[bytes] = []
    length = 0
    for body in islice(entries(directory, first - 1, last - 1, own), MOST):
        found.append(body)
        length += len(body)
        if length > LONGEST:
            break
    return found


def _head(nodes: Nodes, size: int, newest: int) -> Head:
    proof = nodes.subproof(size, 0, newest, whole=True) if size else []
    return Head(size, nodes.mth(0, size), proof)


def sealed(directory: Path, sequence: int, checkpoint: Checkpoint, own: End | None) -> Seal:
    """A record with its proof. Raises AUDIT_CORRUPT, OSError."""
    body = next(entries(directory, sequence - 1, sequence - 1, own))
    return Seal(sequence, body, tlog_proof(directory, sequence - 1, checkpoint, own))


def shards_of(directory: Path) -> list[str]:
    """Names of the shards whose records are on this machine. Raises OSError."""
    return [one.name for one in directory.iterdir() if SHARD.fullmatch(one.name) and one.is_dir()]
