"""Hashes of a Merkle tree over a list of entries (RFC 6962, section 2.1, with SHA-256)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry: SHA-256 of 0x00 and the entry."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """`leaf_hash` of each of many entries, faster."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 of 0x01 and both children."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """Root over nodes of one level, leftmost first: MTH of RFC 6962. As many as make a power of two give one node."""
    level = list(hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        nodes = iter(level)
        # node_hash, but a call of it costs as much as the hash.
        paired = [sha256(b"\x01" + left + right).digest() for left, right in zip(nodes, nodes, strict=False)]
        # A last node without a sibling rises as it is: its subtree is the largest power of two's rest.
        level = paired + level[len(paired) * 2 :]
    return level[0]
