"""The write-ahead file of a shard, read while it is written: valid frames only, as far as they are durable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from signerd.audit.damage import corrupt
from signerd.audit.frames import Frame, walk
from signerd.audit.segments import End, Header, number_of, read_header, segments_in


@dataclass(frozen=True, slots=True)
class Part:
    """One segment, open for reading; `sealed` is its durable length where that is known."""

    path: Path
    file: BinaryIO
    header: Header
    start: int
    sealed: int | None

    def frames(self) -> Iterator[Frame]:
        """Its frames in order. Raises AUDIT_CORRUPT where one that was durable is damaged."""
        at, sequence = self.start, self.header.first_sequence
        size = os.fstat(self.file.fileno()).st_size if self.sealed is None else self.sealed
        for frame in walk(self.file, self.start, size):
            if frame.sequence != sequence:
                break
            yield frame
            at, sequence = frame.end, sequence + 1
        if self.sealed is not None and at < self.sealed:
            raise corrupt(self.path, at, sequence, "is damaged, and it had been durable")


def parts(directory: Path, own: End | None = None) -> Iterator[Part]:
    """The segments of a shard, newest first, each open until the next is asked for. Raises AUDIT_CORRUPT, OSError.

    Segments that vanish meanwhile are left out: what they held is in the bundles.
    """
    sealed: int | None = None
    for path in reversed(segments_in(directory)):
        if own is not None and number_of(path) >= own.number:
            sealed = own.length
            if number_of(path) > own.number:
                continue
        with suppress(FileNotFoundError), path.open("rb") as file:
            found = read_header(file)
            if found is not None:
                yield Part(path, file, found[0], found[1], sealed)
                sealed = found[0].previous_length
            elif sealed is not None:
                raise corrupt(path, 0, 0, "is damaged, and it had been durable")


def frames(directory: Path, sequence: int, own: End | None = None) -> Iterator[Frame]:
    """The frames from a sequence on, none where the oldest segment begins behind it.

    Raises AUDIT_CORRUPT, OSError; FileNotFoundError where a segment vanished, since its records are in bundles.
    """
    chosen: list[tuple[Path, int | None]] = []
    for part in parts(directory, own):
        chosen.append((part.path, part.sealed))
        if part.header.first_sequence <= sequence:
            break
    else:
        return
    for path, sealed in reversed(chosen):
        yield from (frame for frame in _frames_of(path, sealed) if frame.sequence >= sequence)


def _frames_of(path: Path, sealed: int | None) -> Iterator[Frame]:
    with path.open("rb") as file:
        found = read_header(file)
        if found is None:
            raise corrupt(path, 0, 0, "is damaged, and it had been durable")
        yield from Part(path, file, *found, sealed).frames()


def first_sequence(directory: Path) -> int | None:
    """The first sequence that the segments hold, None without segments. Raises AUDIT_CORRUPT, OSError."""
    first = None
    for part in parts(directory):
        first = part.header.first_sequence
    return first
