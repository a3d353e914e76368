"""The tree of a log as it is found: the edge that synced tiles have, and on it what the write-ahead file holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from signerd.audit.damage import inconsistent
from signerd.audit.growth import Growth, Slab
from signerd.audit.proofs import Nodes
from signerd.audit.tile_checks import check_tiles
from signerd.audit.tiles import ENTRIES, minimum_index, tile_path
from signerd.audit.tree import HEIGHT, WIDTH, Edge, Tile, TreeHead


class Standing(NamedTuple):
    """Up to where tiles are on the disk, and up to where they are durable.

    `edge` is at `size`; `upper` are tiles of higher levels that may be missing.
    """

    size: int
    synced: int
    edge: Edge
    upper: list[Tile]


class Replay:
    """Takes the records of the write-ahead file in order. `known` are heads that the log must agree with."""

    def __init__(self, directory: Path, known: Iterable[TreeHead] = ()) -> None:
        self._directory = directory
        self._known = tuple(known)
        self._sizes = {head.size for head in self._known}
        self._roots: dict[int, bytes] = {}
        self._waiting: list[bytes] = []
        self._edge = Edge()
        self._upper: list[Tile] = []
        self._there = self.base = self._pruned = 0
        self.growth = Growth(Edge())

    @property
    def size(self) -> int:
        """How many records the log has."""
        return self.growth.size + len(self._waiting)

    def standing(self) -> Standing:
        """The tiles that are on the disk as they should be."""
        pruned = self._pruned - self._pruned % WIDTH
        return Standing(self._there, max(self.base, min(pruned, self._there)), self._edge, self._upper)

    def begin(self, first_sequence: int) -> None:
        """Begin with the oldest record of the write-ahead file. Raises AUDIT_CORRUPT, OSError."""
        self._there = self.base = first_sequence - 1 + -(first_sequence - 1) % WIDTH
        self._pruned = minimum_index(self._directory)
        # Full tiles only: a partial one may not have outlived a crash.
        nodes = Nodes(self._directory, derive=True)
        rows: list[list[bytes]] = []
        while count := self.base >> HEIGHT * len(rows):
            number, width = divmod(count, WIDTH)
            rows.append(nodes.tile(len(rows), number, width)[:width] if width else [])
        self.growth, self._edge = Growth(Edge(self.base, rows)), Edge(self.base, rows)

    def take(self, sequence: int, body: bytes) -> None:
        """Take the next record."""
        if sequence <= self.base:
            return
        self._waiting.append(body)
        if len(self._waiting) == WIDTH or sequence in self._sizes:
            self._grow()

    def _grow(self) -> None:
        for slab in self.growth.add(self._waiting):
            # What was pruned is not made again, though the write-ahead file may still have it.
            if slab.end == self._there + WIDTH and (slab.end <= self._pruned or self._stands(slab)):
                upper = self._edge.extend([slab.tile.root], 1)
                self._upper += [] if slab.end <= self._pruned else upper
                self._there = slab.end
        self._waiting.clear()
        if self.size in self._sizes:
            self._roots[self.size] = self.growth.head().root

    def _stands(self, slab: Slab) -> bool:
        number = slab.tile.number
        files = {tile_path(0, number): slab.tile.hashes, tile_path(ENTRIES, number): slab.bundle}
        try:
            return all((self._directory / file).read_bytes() == data for file, data in files.items())
        except OSError:
            return False

    def finish(self) -> None:
        """All records were taken.

        Raises AUDIT_INCONSISTENT where the log is not one of a known head, AUDIT_CORRUPT if a record is found to blame.
        """
        self._grow()
        for size, root in self._known:
            if size > self.size:
                raise inconsistent(
                    self._directory, f"ends at record {self.size}, but a checkpoint says {size}"
                )
            if root != self._root_at(size):
                check_tiles(self._directory, self.base)
                raise inconsistent(self._directory, f"has another root at {size} than a checkpoint says")
        if self.size < self.base:
            raise inconsistent(self._directory, f"ends at record {self.size}, but its tiles at {self.base}")

    def _root_at(self, size: int) -> bytes:
        if size not in self._roots:
            return Nodes(self._directory, derive=True).mth(0, size)
        return self._roots[size]
