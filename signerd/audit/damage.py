"""Errors for a log whose durable bytes are not what they were."""

from __future__ import annotations

from pathlib import Path

from signerd.errors import Reason, SignerdError


def corrupt(path: Path, offset: int, sequence: int, problem: str) -> SignerdError:
    """The error for a damaged record in a segment; sequence 0 is the segment's header."""
    what = f"record {sequence}" if sequence else "the header"
    shard = path.parent.parent.name
    return SignerdError(
        Reason.AUDIT_CORRUPT, f"{shard}/{path.parent.name}/{path.name}: {what} at byte {offset} {problem}"
    )


def corrupt_file(directory: Path, file: str, sequence: int, problem: str) -> SignerdError:
    """The error for a tile or bundle of a shard; `sequence` is the first record that can't be proven any more."""
    return SignerdError(Reason.AUDIT_CORRUPT, f"{directory.name}/{file}: record {sequence} {problem}")


def inconsistent(directory: Path, problem: str) -> SignerdError:
    """The error for a log that is not the one a checkpoint was signed for."""
    return SignerdError(Reason.AUDIT_INCONSISTENT, f"the audit log {directory.name} {problem}")
