"""A Merkle tree that grows by blocks of 256 entries, as tiles have it; only its right edge is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from signerd.auditor.paths import WIDTH
from signerd.core.merkle import EMPTY_ROOT, tree_hash

OnTile = Callable[[int, int, list[bytes]], None]


class Tree:
    """`edge[level]` holds the hashes of the last, not yet full tile of that level; `size` counts entries.

    `on_tile(level, index, hashes)` is called for each tile that gets full.
    """

    def __init__(self, on_tile: OnTile, size: int = 0, edge: Sequence[Sequence[bytes]] = ()) -> None:
        self._on_tile = on_tile
        self.size = size
        self.edge = [list(hashes) for hashes in edge] or [[]]

    def extend(self, leaves: list[bytes]) -> None:
        """Add leaf hashes that fit into the last tile of level 0."""
        self.edge[0] += leaves
        self.size += len(leaves)
        level = 0
        while len(self.edge[level]) == WIDTH:
            full, self.edge[level] = self.edge[level], []
            self._on_tile(level, (self.size >> (8 * (level + 1))) - 1, full)
            level += 1
            if level == len(self.edge):
                self.edge.append([])
            self.edge[level].append(tree_hash(full))

    def root(self, leaves: Sequence[bytes] = ()) -> bytes:
        """Root of the tree, with some leaves more that still fit into its last tile."""
        carried: list[bytes] = []
        for level, hashes in enumerate(self.edge):
            nodes = [*hashes, *(leaves if level == 0 else carried)]
            carried = [tree_hash(nodes)] if nodes else []
        return carried[0] if carried else EMPTY_ROOT
