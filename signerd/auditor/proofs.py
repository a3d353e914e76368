"""Proofs that an entry is in a log (c2sp.org/tlog-proof), and the inclusion proof of RFC 6962 in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signerd.auditor.checkpoints import Checkpoint, parse_checkpoint
from signerd.auditor.encodings import base64_bytes, base64_text, decimal
from signerd.auditor.notes import NOTE_LIMIT
from signerd.auditor.verdicts import malformed
from signerd.core.merkle import HASH_SIZE, node_hash

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
HASH_LIMIT: Final = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """`hashes` lead from the leaf at `index` to the checkpoint's root; `extra` is covered by nothing."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint
    extra: bytes | None = None

    def format(self) -> bytes:
        """The proof as it stands in a file."""
        lines = [FIRST_LINE]
        if self.extra is not None:
            lines.append(f"extra {base64_text(self.extra)}")
        lines += [f"index {self.index}", *map(base64_text, self.hashes), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint.format()


def parse_proof(data: bytes, what: str = "proof") -> Proof:
    """Parse a proof; nothing is verified. Raises AUDIT_FORMAT_INVALID."""
    if len(data) > 2 * NOTE_LIMIT:
        malformed(what, f"is longer than {2 * NOTE_LIMIT} bytes")
    upper, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = upper.decode("ascii").split("\n")
    except UnicodeDecodeError:
        malformed(what, "has other characters than ASCII before its checkpoint")
    if lines.pop(0) != FIRST_LINE or not blank:
        malformed(what, f"does not begin with {FIRST_LINE}, or has no empty line before its checkpoint")
    extra = _extra(lines, what)
    index = decimal(lines.pop(0).removeprefix("index ")) if lines and lines[0].startswith("index ") else None
    if index is None:
        malformed(what, "has no line `index N`")
    return Proof(index, _hashes(lines, what), parse_checkpoint(checkpoint, what), extra)


def _extra(lines: list[str], what: str) -> bytes | None:
    if not lines or not lines[0].startswith("extra "):
        return None
    extra = base64_bytes(lines.pop(0).removeprefix("extra "))
    if not extra:
        malformed(what, "has an `extra` that is not base64, or is empty")
    return extra


def _hashes(lines: Sequence[str], what: str) -> tuple[bytes, ...]:
    hashes = [base64_bytes(line) for line in lines]
    if len(hashes) > HASH_LIMIT or any(one is None or len(one) != HASH_SIZE for one in hashes):
        malformed(what, f"has more than {HASH_LIMIT} hashes, or one that is not 32 bytes of base64")
    return tuple(one for one in hashes if one is not None)


def root_of(leaf: bytes, index: int, size: int, hashes: Sequence[bytes]) -> bytes | None:
    """Root that an inclusion proof leads to (RFC 9162, section 2.1.3.2), or None where it has the wrong length."""
    if not 0 <= index < size:
        return None
    root, node, last = leaf, index, size - 1
    for sibling in hashes:
        if last == 0:
            return None
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    return root if last == 0 else None
