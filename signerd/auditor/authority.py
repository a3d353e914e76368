"""Whose signature a checkpoint needs: keys that are known, and the records that one took the place of another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signerd.auditor.checkpoints import Checkpoint, signers
from signerd.auditor.records import Notable
from signerd.auditor.verdicts import wrong
from signerd.auditor.vkeys import ED25519, VerifierKey, parse_vkey
from signerd.errors import SignerdError

_CHANGE: Final = re.compile(r"from (\S+) to (\S+)")
_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Rotation:
    """Record `sequence` says that checkpoints from its own on are signed with `new`; `old` is None where unknown."""

    sequence: int
    old: VerifierKey | None
    new: VerifierKey


def rotations(records: Sequence[Notable], origin: str) -> list[Rotation]:
    """The rotations that a log has on record, each from the key that the one before led to."""
    shard = origin.rpartition("/")[2]
    found: list[Rotation] = []
    for record in records:
        name = f"{shard}/{record.sequence}"
        change = _CHANGE.fullmatch(str(record.fields.get("detail", "")))
        if change is None:
            wrong(name, "does not say from which key to which the log key was rotated")
        old = None if change[1] == _UNKNOWN else _log_key(change[1], origin, name)
        if found and old and found[-1].new != old:
            wrong(name, "says that a log key was replaced that was not the log's")
        found.append(Rotation(record.sequence, old, _log_key(change[2], origin, name)))
    return found


def _log_key(text: str, origin: str, name: str) -> VerifierKey:
    try:
        key = parse_vkey(text, "vkey")
    except SignerdError as error:
        wrong(name, error.message)
    if key.name != origin or key.kind != ED25519:
        wrong(name, f"{text} is no log key of {origin}")
    return key


def check_signed(checkpoint: Checkpoint, trusted: Sequence[VerifierKey], changes: Sequence[Rotation]) -> None:
    """Raise AUDIT_EVIDENCE_INVALID unless a trusted key has signed, and the one that was the log's at that size.

    A key that only a record of the log names counts if a trusted key has signed the same checkpoint.
    """
    if not any(key.name == checkpoint.head.origin for key in trusted):
        wrong(checkpoint.what, f"is of the log {checkpoint.head.origin[:200]}, for which no key was given")
    named = [key for change in changes for key in (change.old, change.new) if key]
    own = [key for key in dict.fromkeys([*trusted, *named]) if key.name == checkpoint.head.origin]
    found = [key for key, _ in signers(checkpoint, own)]
    _refuse_strangers(checkpoint, own)
    if not any(key in trusted for key in found):
        wrong(checkpoint.what, "is signed with no key that was given")
    expected = _key_at(checkpoint.head.size, changes)
    if expected is not None and expected not in found:
        at = f"{expected.name}+{expected.key_id.hex()}"
        wrong(checkpoint.what, f"is not signed with {at}, the log's key for {checkpoint.head.size} records")


def _refuse_strangers(checkpoint: Checkpoint, own: Sequence[VerifierKey]) -> None:
    ids = {key.key_id for key in own}
    for signature in checkpoint.signatures:
        if signature.name == checkpoint.head.origin and signature.key_id not in ids:
            wrong(
                checkpoint.what,
                f"is signed with a key of the log that was not given: {signature.key_id.hex()}",
            )


def _key_at(size: int, changes: Sequence[Rotation]) -> VerifierKey | None:
    """The log's key for a tree of that size, None where no record tells."""
    before = [change for change in changes if change.sequence <= size]
    if before:
        return before[-1].new
    return changes[0].old if changes else None
