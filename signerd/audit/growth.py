"""How a log's tree grows: durable records go in, and every 256 of them come out as a bundle with its tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from signerd.audit.tiles import pack, unpack
from signerd.audit.tree import WIDTH, Edge, Tile, TreeHead
from signerd.core.merkle import leaf_hashes


class Slab(NamedTuple):
    """256 entries: their bundle, and their tile of level 0."""

    bundle: bytes
    tile: Tile

    @property
    def end(self) -> int:
        """Size of the log whose last entry is the last of these."""
        return (self.tile.number + 1) * WIDTH


class Partial(NamedTuple):
    """What is unfinished at a size of the log: tiles, and the packed entries of the last bundle."""

    size: int
    tiles: Sequence[Tile]
    bundle: bytes


class Growth:
    """The tree of a log with the entries of its last bundle. `edge` must be at a multiple of 256."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._bundle = bytearray()

    @property
    def size(self) -> int:
        """How many entries went in."""
        return self._edge.size

    def head(self) -> TreeHead:
        """Size and root."""
        return self._edge.head()

    def add(self, bodies: Sequence[bytes]) -> list[Slab]:
        """Add entries; returns what became full."""
        full, at = [], 0
        while at < len(bodies):
            taken = bodies[at : at + WIDTH - self.size % WIDTH]
            at += len(taken)
            self._bundle += pack(taken)
            for tile in self._edge.extend(leaf_hashes(taken)):
                if tile.level == 0:
                    full.append(Slab(bytes(self._bundle), tile))
                    self._bundle.clear()
        return full

    def partial(self, size: int) -> Partial:
        """What was unfinished at a size that the log had, but for what is full by now."""
        width = size % WIDTH if size // WIDTH == self.size // WIDTH else 0
        return Partial(
            size, list(self._edge.partials(size)), pack(list(islice(unpack(bytes(self._bundle)), width)))
        )


def slabs(edge: Edge, bodies: Iterator[bytes]) -> Iterator[Slab]:
    """What entries from the edge on make, as long as there are 256."""
    growth = Growth(edge)
    while len(taken := list(islice(bodies, WIDTH))) == WIDTH:
        yield from growth.add(taken)
