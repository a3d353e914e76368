"""Proofs that a log at one size is the beginning of the log at another (RFC 9162, section 2.1.4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from signerd.core.merkle import EMPTY_ROOT, node_hash


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, hashes: Sequence[bytes]) -> bool:
    """Whether `hashes` prove that the tree of size `new` begins with that of size `old`.

    Equal sizes need equal roots and no hashes; an empty old tree is the beginning of every other.
    """
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        return not hashes and old_root == (EMPTY_ROOT if old == 0 else new_root)
    # 2. Where the old tree is a full one, its root is the first node.
    path = [old_root, *hashes] if old & (old - 1) == 0 else list(hashes)
    return bool(path) and _roots(path, old - 1, new - 1) == (old_root, new_root)


def _roots(path: Sequence[bytes], node: int, last: int) -> tuple[bytes, bytes] | None:
    # 3. to 5.
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    # 6.
    for sibling in path[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    # 7.
    return (old, new) if last == 0 else None
