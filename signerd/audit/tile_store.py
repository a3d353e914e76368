"""The tiles, bundles and the checkpoint of a shard on disk: written in order, and what that makes superfluous removed.

Nothing here is needed to go on: what can't be written, or did not outlive a crash, is made again from the write-ahead
file. A segment of that is removed only when everything in it is in synced full bundles and tiles, below a checkpoint.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path
from typing import Final

from signerd.audit import checkpoints
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.disk import Disk
from signerd.audit.growth import Partial, Slab, slabs
from signerd.audit.replay import Standing
from signerd.audit.segments import read_header, segments_in
from signerd.audit.tiles import (
    ENTRIES,
    LEVELS,
    MINIMUM_INDEX,
    Level,
    height,
    minimum_index,
    tile_path,
    widths,
)
from signerd.audit.tree import WIDTH, Edge
from signerd.audit.wal import frames

NEW: Final = "new"
"""File under which all others are written first."""


class TileStore:
    """Belongs to one thread, and goes on where tiles stand.

    All methods raise OSError, and AUDIT_CORRUPT where the write-ahead file is damaged; then the call may be repeated.
    """

    def __init__(self, directory: Path, standing: Standing, disk: Disk, published: int | None) -> None:
        self._directory = directory
        self._disk = disk
        self._published = published
        self.size, self._synced, self._edge, self._unwritten = standing
        self._partials: set[str] = set()
        self._stale: set[str] = set()

    def put(self, slab: Slab) -> None:
        """Write a bundle and its tile, and those before it that are not there yet."""
        self.catch_up(slab.end - WIDTH)
        self._put(slab, self._write)

    def catch_up(self, size: int) -> None:
        """Write what is missing of the full tiles of a log of that size, from its write-ahead file."""
        self._write_upper()
        size -= size % WIDTH
        if self.size >= size:
            return
        ahead = islice(frames(self._directory, self.size + 1), size - self.size)
        for slab in slabs(Edge(self.size, [[]]), (frame.body for frame in ahead)):
            self._put(slab, self._mend)
        if self.size < size:
            raise OSError(errno.ENODATA, "records are gone from the write-ahead file")

    def _put(self, slab: Slab, write: Callable[[str, bytes], None]) -> None:
        if slab.end > self.size:
            # The tile first: who finds a bundle finds its proof.
            write(tile_path(0, slab.tile.number), slab.tile.hashes)
            write(tile_path(ENTRIES, slab.tile.number), slab.bundle)
            self.size = slab.end
            self._unwritten += self._edge.extend([slab.tile.root], 1)
        self._write_upper()

    def _write_upper(self) -> None:
        while self._unwritten:
            tile = self._unwritten[0]
            self._mend(tile_path(tile.level, tile.number), tile.hashes)
            del self._unwritten[0]

    def _write(self, file: str, data: bytes) -> None:
        self._disk.replace(self._directory / file, data, self._directory / NEW)

    def _mend(self, file: str, data: bytes) -> None:
        with suppress(FileNotFoundError):
            if (self._directory / file).read_bytes() == data:
                return
        self._write(file, data)

    def publish(self, checkpoint: Checkpoint, partial: Partial) -> None:
        """Write the partial tiles of a checkpoint's size and then the checkpoint; it replaces the one before."""
        self.restore(partial)
        path = self._directory / checkpoints.NAME
        self._disk.replace(path, checkpoint.note, self._directory / NEW, sync=True)
        self._published = checkpoint.size
        self._retire()

    def restore(self, partial: Partial) -> None:
        """Write the partial tiles of a size, and the full ones before it."""
        self.catch_up(partial.size)
        files = {tile_path(tile.level, tile.number, tile.width): tile.hashes for tile in partial.tiles}
        if partial.bundle:
            files[tile_path(ENTRIES, partial.size // WIDTH, partial.size % WIDTH)] = partial.bundle
        for file, data in files.items():
            self._mend(file, data)
        self._stale |= self._partials - files.keys()
        self._partials = set(files)
        if minimum_index(self._directory):
            self._sync_files(files)  # of what was pruned, these are all there is

    def resume(self, partial: Partial, first: int, size: int) -> None:
        """After a start: write what did not outlive the end before, and remove partial tiles that it left behind.

        `partial` is of the checkpoint that stands there; tiles are in doubt between `first` and `size`.
        """
        self.restore(partial)
        self.catch_up(size)
        for level in LEVELS:
            for number in range(max(0, (first >> height(level)) - 1), (size >> height(level)) + 1):
                there = [tile_path(level, number, width) for width in widths(self._directory, level, number)]
                self._stale |= {file for file in there if ".p/" in file} - self._partials
        self._retire()

    def _retire(self) -> None:
        for file in sorted(self._stale):
            path = self._directory / file
            self._disk.remove(path)
            with suppress(OSError):  # a newer one is there
                path.parent.rmdir()
            self._stale.discard(file)

    def trim(self) -> None:
        """Remove the segments of the write-ahead file that nobody needs any more."""
        removable, end = self._removable()
        if not removable:
            return
        self._sync_up_to(end)
        for path in removable:
            self._disk.remove(path)
        self._disk.sync_directory(removable[0].parent)

    def _removable(self) -> tuple[list[Path], int]:
        found, end, paths = [], 0, segments_in(self._directory)
        # A log without checkpoints, for want of a key, is kept from growing all the same.
        limit = self.size if self._published is None else min(self.size, self._published)
        for path, following in pairwise(paths):
            with following.open("rb") as file:
                header = read_header(file)
            if header is None or header[0].first_sequence - 1 > limit:
                break
            found.append(path)
            end = header[0].first_sequence - 1
        return found, end

    def _sync_up_to(self, end: int) -> None:
        end += -end % WIDTH
        self._sync_files(
            tile_path(level, number)
            for level in LEVELS
            for number in range(self._synced >> height(level), end >> height(level))
        )
        self._synced = max(self._synced, end)

    def _sync_files(self, files: Iterable[str]) -> None:
        directories: set[Path] = set()
        for file in files:
            self._disk.sync(self._directory / file)
            directories.update((self._directory / file).parents)
        for directory in directories.difference(self._directory.parents):
            self._disk.sync_directory(directory)

    def prune(self, minimum: int) -> None:
        """Delete full tiles and bundles whose end index is not above `minimum` (tlog-tiles, Pruning)."""
        self.catch_up(minimum)
        self._sync_up_to(self.size)
        self._sync_files(self._partials)
        path = self._directory / MINIMUM_INDEX
        self._disk.replace(path, b"%d\n" % minimum, self._directory / NEW, sync=True)
        self._disk.sync_directory(self._directory)
        for level in LEVELS:
            self._delete_below(level, minimum)

    def _delete_below(self, level: Level, minimum: int) -> None:
        number, below = (minimum >> height(level)) - 1, []
        while number >= 0 and (path := self._directory / tile_path(level, number)).exists():
            below.append(path)
            number -= 1
        # Upwards: after a crash what is left still reaches down from the minimum without a gap.
        for path in reversed(below):
            self._disk.remove(path)
            with suppress(OSError):  # not yet empty
                path.parent.rmdir()
