"""Reading a shard in order, again and again, while it is written: each look goes on where the last one ended.

Blocking, for a thread. Bundles first, behind them the write-ahead file, in which the place is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from signerd.audit.checkpoints import published_size
from signerd.audit.frames import Frame
from signerd.audit.jumping import jump
from signerd.audit.segments import End, number_of, path_of, read_header
from signerd.audit.tiles import minimum_index, missing, read_bundle
from signerd.audit.tree import WIDTH
from signerd.audit.wal import Part, parts


class Place(NamedTuple):
    """Where the next record begins, or will: a segment and an offset in it."""

    number: int
    offset: int


class Bounds(NamedTuple):
    """How far a segment is durable, None where only its frames tell; and whether another one follows it."""

    sealed: int | None
    followed: bool


class Follower:
    """Reads the shard in `directory` from `sequence` on, which is the next record's.

    `own` tells how far this process's own shard is durable (`Log.end`); None for others' shards. Of these `proven`
    reads only what is known to be durable: the newest group of records is when another one follows it, or a checkpoint.
    """

    def __init__(
        self,
        directory: Path,
        sequence: int = 1,
        own: Callable[[], End] | None = None,
        *,
        proven: bool = False,
    ) -> None:
        self.directory = directory
        self.sequence = sequence
        self._own = own
        self._proven = proven
        self._place: Place | None = None

    def read(self, most: int) -> list[bytes]:
        """The next records, canonical JSON, at most so many; none where the log ends.

        Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND for what was pruned, OSError.
        """
        found = self._ahead(most)
        if not found and self._place is None:
            found = self._bundled()[:most]
        if not found and self._place is None:
            self._place = self._search()
            found = self._ahead(most)
        self.sequence += len(found)
        return found

    def skip_pruned(self) -> int:
        """Go to the oldest record there is, if that is behind the next one; how many are gone."""
        gone = max(0, minimum_index(self.directory) + 1 - self.sequence)
        if gone:
            self.sequence, self._place = self.sequence + gone, None
        return gone

    def _bundled(self) -> list[bytes]:
        number, skipped = divmod(self.sequence - 1, WIDTH)
        bundle = read_bundle(self.directory, number, skipped + 1)
        return bundle[skipped:] if bundle else []

    def _search(self) -> Place | None:
        """The place of the next record in the write-ahead file; None where there is no such file yet."""
        oldest = None
        for part in parts(self.directory, self._own and self._own()):
            if part.header.first_sequence <= self.sequence:
                return Place(number_of(part.path), jump(part, self.sequence).offset)
            oldest = part
        if oldest is not None and not self._bundled():  # what it held may have gone to a bundle meanwhile
            raise missing(self.directory, self.sequence - 1)
        return None

    def _ahead(self, most: int) -> list[bytes]:
        """The next records from the write-ahead file; none where the place in it is not known, or gone."""
        found: list[bytes] = []
        while self._place is not None and len(found) < most:
            try:
                more, self._place = self._look(self._place, self.sequence + len(found), most - len(found))
            except FileNotFoundError:  # what it held is in bundles
                self._place = None
                break
            if not more:
                break
            found += more
        return found

    def _look(self, place: Place, sequence: int, most: int) -> tuple[list[bytes], Place]:
        """Records of one segment, or of the next where this one is at its end; and the place behind them."""
        bounds = self._bounds(place.number)
        with path_of(self.directory, place.number).open("rb") as file:
            found = read_header(file)
            if found is None or (bounds.sealed is not None and bounds.sealed <= max(found[1], place.offset)):
                frames = []
            else:
                header, start = replace(found[0], first_sequence=sequence), max(found[1], place.offset)
                part = Part(Path(file.name), file, header, start, bounds.sealed)
                frames = self._durable(part.frames(), most, bounds)
        if frames:
            return [frame.body for frame in frames], Place(place.number, frames[-1].end)
        if bounds.followed:
            return self._look(Place(place.number + 1, 0), sequence, most)
        return [], place

    def _durable(self, coming: Iterator[Frame], most: int, bounds: Bounds) -> list[Frame]:
        found = list(islice(coming, most))
        if not found or not self._proven or bounds.sealed is not None:
            return found
        newest = next((one.group for one in coming if one.group > found[-1].offset), found[-1].group)
        if newest <= found[-1].offset:
            size = published_size(self.directory)
            found = [one for one in found if one.offset < newest or one.sequence <= size]
        return found

    def _bounds(self, number: int) -> Bounds:
        own = self._own() if self._own else None
        if own is not None and number >= own.number:
            return Bounds(own.length if number == own.number else 0, followed=False)
        with suppress(FileNotFoundError), path_of(self.directory, number + 1).open("rb") as file:
            found = read_header(file)
            if found is not None:
                return Bounds(found[0].previous_length, followed=True)
        return Bounds(None, followed=False)
