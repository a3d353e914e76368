"""The pass over a shard's entries: records, bundles, write-ahead file, tiles, and the roots that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from signerd.auditor.bundles import format_bundle, parse_bundle
from signerd.auditor.contents import Contents
from signerd.auditor.heads import Head
from signerd.auditor.paths import ENTRIES, WIDTH, TilePath
from signerd.auditor.records import Records
from signerd.auditor.tree import Tree
from signerd.auditor.verdicts import wrong
from signerd.auditor.writeahead import WriteAhead
from signerd.core.merkle import HASH_SIZE, tree_hash
from signerd.errors import SignerdError

_LEAF: Final = b"\x00"  # RFC 6962, section 2.1; core.merkle.leaf_hash without a call for each entry


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that the tree must have had; `what` says who says so."""

    head: Head
    what: str


class Pass:
    """Goes once over all entries from index `start`, a multiple of 256, on."""

    def __init__(
        self,
        contents: Contents,
        wal: WriteAhead,
        records: Records,
        start: int,
        on_progress: Callable[[int], None],
    ) -> None:
        self._contents = contents
        self._wal = wal
        self._records = records
        self._progress = on_progress
        self._seen: set[tuple[int, int]] = set()
        self._start = start
        self.tree = Tree(self._check_tile, start, _edge_at(contents, start))

    def run(self, anchors: Sequence[Anchor]) -> None:
        """Check everything that is there. Raises AUDIT_EVIDENCE_INVALID at the first thing that is wrong."""
        count = WIDTH
        while count == WIDTH:
            first = self.tree.size
            entries = self._block(first)
            count = len(entries)
            self._records.take(entries, first + 1)
            leaves = [sha256(_LEAF + entry).digest() for entry in entries]
            self._check_leaves(first, leaves)
            self._check_anchors(anchors, first, leaves)
            self.tree.extend(leaves)
            self._progress(count)
        self._check_edge()
        self._check_rest()

    def _block(self, first: int) -> list[bytes]:
        """Entries of a block, from its bundle and then the write-ahead file; what lies in both must be equal."""
        index = first // WIDTH
        entries = self._bundle(index)
        logged = self._wal.take(first + 1, WIDTH)
        if not logged:
            return entries
        begin = self._wal.last - len(logged) - first
        for at, record in enumerate(logged, begin):
            if at < len(entries) and entries[at] != record:
                name, path = f"{self._records.shard}/{first + at + 1}", TilePath(ENTRIES, index).format()
                wrong(name, f"is another one in wal/ than in {path}")
        if begin > len(entries):
            wrong(
                f"{self._records.shard}/{first + len(entries) + 1}",
                "is missing: not in a bundle, nor in wal/",
            )
        return entries + logged[len(entries) - begin :]

    def _bundle(self, index: int) -> list[bytes]:
        """Entries of the widest bundle; narrower ones must be its beginning."""
        self._seen.add((ENTRIES, index))
        widths = sorted(self._contents.tiles.get((ENTRIES, index), ()), reverse=True)
        entries: list[bytes] = []
        for width in widths:
            path = TilePath(ENTRIES, index, width)
            found = self._entries(path)
            if len(found) != width:
                wrong(path.format(), f"has {len(found)} entries, not {width}")
            if entries and format_bundle(entries[:width]) != format_bundle(found):
                wrong(path.format(), f"differs from {TilePath(ENTRIES, index, widths[0]).format()}")
            entries = entries or found
        return entries

    def _entries(self, path: TilePath) -> list[bytes]:
        try:
            return parse_bundle(self._contents.read(path), path.format())
        except SignerdError as error:
            wrong(path.format(), error.message.removeprefix(f"{path.format()}: "))

    def _check_leaves(self, first: int, leaves: Sequence[bytes]) -> None:
        index = first // WIDTH
        at = self._first_difference(0, index, b"".join(leaves))
        if at is not None:
            path = TilePath(0, index, at[0]).format()
            wrong(
                f"{self._records.shard}/{first + at[1] + 1}",
                f"is not what {path} has the hash of, or that is wrong",
            )

    def _check_tile(self, level: int, index: int, hashes: list[bytes]) -> None:
        """A tile that got full, or the last one of a level: every file of it must be its beginning."""
        if level == 0:
            return
        at = self._first_difference(level, index, b"".join(hashes))
        if at is not None:
            path, below = TilePath(level, index, at[0]), TilePath(level - 1, index * WIDTH + at[1])
            wrong(path.format(), f"hash {at[1]} is not that of {below.format()}")

    def _first_difference(self, level: int, index: int, right: bytes) -> tuple[int, int] | None:
        """Width of the first tile there that is not the beginning of `right`, and which of its hashes differs."""
        self._seen.add((level, index))
        for width in self._contents.tiles.get((level, index), ()):
            path = TilePath(level, index, width)
            data = self._contents.read(path)
            if len(data) != width * HASH_SIZE:
                wrong(path.format(), f"has {len(data)} bytes, not {width * HASH_SIZE}")
            if not right.startswith(data):
                self._refuse_surplus(path, len(right) // HASH_SIZE)
                return width, next(
                    at
                    for at in range(width)
                    if data[at * HASH_SIZE :][:HASH_SIZE] != right[at * HASH_SIZE :][:HASH_SIZE]
                )
        return None

    def _refuse_surplus(self, path: TilePath, count: int) -> None:
        if path.width > count:
            wrong(
                path.format(),
                f"goes beyond the end of the log: {count} of its {path.width} hashes have entries",
            )

    def _check_anchors(self, anchors: Sequence[Anchor], first: int, leaves: Sequence[bytes]) -> None:
        for anchor in anchors:
            inside = anchor.head.size - first
            # A size at a block's beginning is checked there; the first block of the pass has none in front of it.
            if (
                0 <= inside < WIDTH
                and inside <= len(leaves)
                and self.tree.root(leaves[:inside]) != anchor.head.root
            ):
                wrong(
                    anchor.what,
                    f"the root of its {anchor.head.size} entries is another one than these files have",
                )

    def _check_edge(self) -> None:
        for level, hashes in enumerate(self.tree.edge):
            if hashes:
                self._check_tile(level, self.tree.size >> (8 * (level + 1)), hashes)

    def _check_rest(self) -> None:
        """Tiles without entries: before the start they must fit to the tile above, behind the end there are none."""
        for level, index in sorted(self._contents.tiles.keys() - self._seen):
            path = TilePath(level, index, self._contents.widest(level, index))
            end = (index + 1) << 8 * (max(level, 0) + 1)
            if end > self._start:
                wrong(path.format(), "goes beyond the end of the log")
            if level != ENTRIES:
                self._check_pruned(path)

    def _check_pruned(self, path: TilePath) -> None:
        above = TilePath(
            path.level + 1, path.index // WIDTH, self._contents.widest(path.level + 1, path.index // WIDTH)
        )
        if above.width == 0:
            return
        at = path.index % WIDTH * HASH_SIZE
        data = self._contents.read(path)
        hashes = [data[start : start + HASH_SIZE] for start in range(0, len(data), HASH_SIZE)]
        if tree_hash(hashes) != self._contents.read(above)[at : at + HASH_SIZE]:
            wrong(path.format(), f"is not what {above.format()} has the hash of")


def _edge_at(contents: Contents, start: int) -> list[list[bytes]]:
    """The right edge of the tree of the first `start` entries, from the tiles above those that were pruned."""
    edge: list[list[bytes]] = [[]]
    while (size := start >> 8 * len(edge)) > 0:
        level, count = len(edge), size % WIDTH
        path = TilePath(level, size // WIDTH, contents.widest(level, size // WIDTH))
        if count > path.width:
            wrong(TilePath(level, size // WIDTH, count).format(), "is missing")
        data = contents.read(path) if count else b""
        edge.append([data[at * HASH_SIZE : (at + 1) * HASH_SIZE] for at in range(count)])
    return edge
