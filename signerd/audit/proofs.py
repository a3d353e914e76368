"""Proofs (RFC 6962, section 2.1) from the tiles of a shard, and behind them from its entries.

Blocking, for a thread. Shards of other workers are read while they are written.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from signerd.audit.checkpoints import Checkpoint
from signerd.audit.damage import corrupt_file
from signerd.audit.reading import entries
from signerd.audit.segments import End
from signerd.audit.tiles import read_tile, tile_path
from signerd.audit.tree import HEIGHT, WIDTH
from signerd.core.merkle import EMPTY_ROOT, leaf_hashes, node_hash, tree_hash
from signerd.errors import SignerdError


class Nodes:
    """Hashes of the tree of a shard. `own`: how far this process's own shard is durable.

    `derive`: hashes of unfinished tiles are computed from the full tiles below where these are there, since partial
    tiles may not have outlived a crash. Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND, OSError.
    """

    def __init__(self, directory: Path, own: End | None = None, *, derive: bool = False) -> None:
        self._directory = directory
        self._own = own
        self._derive = derive
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def mth(self, start: int, stop: int) -> bytes:
        """MTH(D[start:stop])."""
        count = stop - start
        if count == 0:
            return EMPTY_ROOT
        if count & (count - 1) == 0 and start % count == 0:
            return self._subtree(start, count.bit_length() - 1)
        middle = start + split(count)
        return node_hash(self.mth(start, middle), self.mth(middle, stop))

    def _subtree(self, start: int, height: int) -> bytes:
        level, rest = divmod(height, HEIGHT)
        number, at = divmod(start >> HEIGHT * level, WIDTH)
        end = at + (1 << rest)
        return tree_hash(self.tile(level, number, end)[at:end])

    def tile(self, level: int, number: int, width: int) -> list[bytes]:
        """At least `width` hashes of a tile."""
        found = self._tiles.get((level, number), [])
        if len(found) < width:
            found = self._tiles[level, number] = self._look(level, number, width)
        return found

    def _look(self, level: int, number: int, width: int) -> list[bytes]:
        found = read_tile(self._directory, level, number)
        doubtful = self._derive and level > 0 and width < WIDTH
        if len(found) >= width and not doubtful:
            return found
        return self._roots(level, number, width, found) if level else self._leaves(number, width)

    def _roots(self, level: int, number: int, width: int, found: list[bytes]) -> list[bytes]:
        """Hashes of a level above: roots of the tiles below, or what was found where these are pruned."""
        hashes: list[bytes] = []
        for at in range(width):
            try:
                tile = self._look(level - 1, number * WIDTH + at, WIDTH)
                hashes.append(tree_hash(tile))
            except SignerdError:
                if at >= len(found):
                    raise
                hashes.append(found[at])
        return hashes

    def _leaves(self, number: int, width: int) -> list[bytes]:
        first = number * WIDTH
        hashes = leaf_hashes(entries(self._directory, first, first + width - 1, self._own))
        if len(hashes) < width:
            sequence = first + len(hashes) + 1
            raise corrupt_file(self._directory, tile_path(0, number), sequence, "is not in the log")
        return hashes

    def path(self, index: int, start: int, stop: int) -> list[bytes]:
        """PATH(index, D[start:stop])."""
        if stop - start == 1:
            return []
        middle = start + split(stop - start)
        if index < middle:
            return [*self.path(index, start, middle), self.mth(middle, stop)]
        return [*self.path(index, middle, stop), self.mth(start, middle)]

    def subproof(self, old: int, start: int, stop: int, *, whole: bool) -> list[bytes]:
        """SUBPROOF(old, D[start:stop], whole)."""
        if old == stop:
            return [] if whole else [self.mth(start, stop)]
        middle = start + split(stop - start)
        if old <= middle:
            return [*self.subproof(old, start, middle, whole=whole), self.mth(middle, stop)]
        return [*self.subproof(old, middle, stop, whole=False), self.mth(start, middle)]


def split(count: int) -> int:
    """The largest power of two below a count of at least 2."""
    return 1 << (count - 1).bit_length() - 1


def root_at(shard_directory: Path, size: int, own: End | None = None) -> bytes:
    """The root of the log when it had `size` entries. Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND, OSError."""
    return Nodes(shard_directory, own).mth(0, size)


def inclusion(shard_directory: Path, index: int, size: int, own: End | None = None) -> list[bytes]:
    """Proof that the entry at an index is in the log of that size (2.1.1); raises what `root_at` does."""
    if not 0 <= index < size:
        raise ValueError(f"no index {index} in a log of {size}")
    return Nodes(shard_directory, own).path(index, 0, size)


def consistency(shard_directory: Path, old: int, new: int, own: End | None = None) -> list[bytes]:
    """Proof that the log of size `new` begins with that of size `old` (2.1.2); raises what `root_at` does."""
    if not 0 <= old <= new:
        raise ValueError(f"no proof from size {old} to {new}")
    return Nodes(shard_directory, own).subproof(old, 0, new, whole=True) if old else []


def tlog_proof(
    shard_directory: Path, index: int, checkpoint: Checkpoint, own: End | None = None, extra: bytes = b""
) -> str:
    """The text of a `.tlog-proof` (c2sp.org/tlog-proof) of one entry; raises what `root_at` does."""
    return proof_text(index, inclusion(shard_directory, index, checkpoint.size, own), checkpoint, extra)


def tlog_proofs(
    shard_directory: Path, indices: Sequence[int], checkpoint: Checkpoint, own: End | None = None
) -> list[str]:
    """As tlog_proof for many entries; each tile is read once."""
    nodes = Nodes(shard_directory, own)
    return [proof_text(index, nodes.path(index, 0, checkpoint.size), checkpoint) for index in indices]


def proof_text(index: int, proof: Sequence[bytes], checkpoint: Checkpoint, extra: bytes = b"") -> str:
    """A `.tlog-proof` of its parts."""
    lines = ["c2sp.org/tlog-proof@v1"]
    if extra:
        lines.append(f"extra {base64.b64encode(extra).decode()}")
    lines.append(f"index {index}")
    lines += [base64.b64encode(one).decode() for one in proof]
    return "\n".join(lines) + "\n\n" + checkpoint.note.decode()
