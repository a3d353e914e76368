"""Checkpoints (c2sp.org/tlog-checkpoint): notes whose text is origin, size and root, without extension lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from signerd.auditor.encodings import base64_bytes, decimal, is_key_name
from signerd.auditor.heads import Head
from signerd.auditor.notes import Note, Signature, parse_note
from signerd.auditor.verdicts import malformed, wrong
from signerd.auditor.vkeys import VerifierKey, is_signed
from signerd.core.merkle import EMPTY_ROOT, HASH_SIZE

LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint; `what` names it in messages."""

    head: Head
    signatures: tuple[Signature, ...]
    what: str = "checkpoint"

    def format(self) -> bytes:
        """The note."""
        return Note(self.head.format(), self.signatures).format()


def parse_checkpoint(data: bytes, what: str = "checkpoint") -> Checkpoint:
    """Parse a checkpoint; nothing is verified. Raises AUDIT_FORMAT_INVALID."""
    note = parse_note(data, what)
    lines = note.text[:-1].split("\n")
    if len(lines) != LINES:
        malformed(what, "has not the three lines origin, size and root")
    origin, size, root = lines[0], decimal(lines[1]), base64_bytes(lines[2])
    if not is_key_name(origin):
        malformed(what, f"has no origin of the form INSTANCE/SHARD: {origin[:80]!r}")
    if size is None or root is None or len(root) != HASH_SIZE:
        malformed(what, "has no decimal size and base64 root of 32 bytes")
    if size == 0 and root != EMPTY_ROOT:
        malformed(what, "has a root, but no entries")
    return Checkpoint(Head(origin, size, root), note.signatures, what)


def signers(checkpoint: Checkpoint, keys: Iterable[VerifierKey]) -> list[tuple[VerifierKey, Signature]]:
    """Who of `keys` has signed. Raises AUDIT_EVIDENCE_INVALID for a line in a key's name that it did not sign."""
    by_line = {(key.name, key.key_id): key for key in keys}
    found = []
    for signature in checkpoint.signatures:
        key = by_line.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not is_signed(key, checkpoint.head, signature.value):
            wrong(checkpoint.what, f"the signature by {key.name}+{key.key_id.hex()} does not verify")
        found.append((key, signature))
    return found
