"""The Merkle tree of a log while it grows: the hashes of its right edge, as they stand in unfinished tiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from signerd.core.merkle import EMPTY_ROOT, tree_hash

HEIGHT: Final = 8
"""Levels of the tree that a tile spans (tlog-tiles)."""
WIDTH: Final = 1 << HEIGHT


class TreeHead(NamedTuple):
    """A state of the log: how many records it has, and the root over them."""

    size: int
    root: bytes


class Tile(NamedTuple):
    """Hashes of a tile, one behind the other, and the root over them if it is full."""

    level: int
    number: int
    hashes: bytes
    root: bytes = b""

    @property
    def width(self) -> int:
        """How many hashes it has."""
        return len(self.hashes) >> 5


class Edge:
    """The unfinished tile of every level. Given a size above 0, `rows` has the hashes of each unfinished tile."""

    def __init__(self, size: int = 0, rows: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self._rows = [list(row) for row in rows]
        self._finished = [size >> HEIGHT * (level + 1) for level in range(len(rows))]

    def extend(self, hashes: Sequence[bytes], level: int = 0) -> list[Tile]:
        """Add hashes of a level; returns the tiles that became full, of this level and those above."""
        if level == 0:
            self.size += len(hashes)
        row, made, at = self._row(level), [], 0
        while at < len(hashes):
            taken = min(WIDTH - len(row), len(hashes) - at)
            row += hashes[at : at + taken]
            at += taken
            if len(row) == WIDTH:
                made += self._finish(level, row)
        return made

    def _row(self, level: int) -> list[bytes]:
        while level >= len(self._rows):
            self._rows.append([])
            self._finished.append(0)
        return self._rows[level]

    def _finish(self, level: int, row: list[bytes]) -> list[Tile]:
        tile = Tile(level, self._finished[level], b"".join(row), tree_hash(row))
        row.clear()
        self._finished[level] += 1
        return [tile, *self.extend([tile.root], level + 1)]

    def head(self) -> TreeHead:
        """Size and root (MTH of RFC 6962, section 2.1)."""
        root = b""
        for row in self._rows:
            # What lies right of a level's whole subtrees is smaller than one of them: it is the last node there.
            nodes = [*row, root] if root else row
            root = tree_hash(nodes) if nodes else b""
        return TreeHead(self.size, root or EMPTY_ROOT)

    def partials(self, size: int) -> Iterable[Tile]:
        """The partial tiles of the tree as it was at `size`, but for those that are full by now."""
        for level, row in enumerate(self._rows):
            count = size >> HEIGHT * level
            width = count % WIDTH
            if width and count // WIDTH == self._finished[level]:
                yield Tile(level, count // WIDTH, b"".join(row[:width]))
