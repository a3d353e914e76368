"""Reading the log for those who ask: newest first over all shards, or one record by its position.

Blocking, for a thread. Files of other workers are read while they are written: valid frames only.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from signerd.audit import pages
from signerd.audit.frames import Frame, parse, walk
from signerd.audit.records import Record, decode
from signerd.audit.recovery import corrupt
from signerd.audit.segments import SHARD, End, Header, number_of, read_header, segments_in
from signerd.errors import Reason, SignerdError

MOST_SEEN: Final = 100_000


class Entry(NamedTuple):
    """A record and its canonical JSON."""

    record: Record
    json: bytes


class Page(NamedTuple):
    """Entries, newest first, and the token for the next page; empty on the last one."""

    entries: list[Entry]
    next_token: str


@dataclass(frozen=True, slots=True)
class _Part:
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


def list_records(
    directory: Path,
    *,
    page_size: int,
    page_token: str = "",
    predicate: Callable[[Record], bool] = lambda record: True,
    own: Mapping[str, End] | None = None,
) -> Page:
    """List records of all shards below `directory`, by time, newest first.

    `own`: how far this process's own shards are durable (`Log.end`). A page may be short, even empty, and still have
    a next one: at most 100,000 records are looked at for one page. Raises PAGE_INVALID, AUDIT_CORRUPT.
    """
    size = pages.checked_size(page_size)
    known = pages.positions(page_token)
    shards = (
        _shards(directory) if known is None else [shard for shard in _shards(directory) if shard in known]
    )
    rest = {
        shard: _newest_first(directory / shard, (own or {}).get(shard), (known or {}).get(shard))
        for shard in shards
    }
    heads = {shard: entry for shard, entries in rest.items() if (entry := next(entries, None)) is not None}
    found: list[Entry] = []
    for _ in range(MOST_SEEN):
        if not heads or len(found) == size:
            break
        shard = max(heads, key=lambda name: (heads[name].record.time, name))
        if predicate(heads[shard].record):
            found.append(heads[shard])
        _advance(heads, shard, rest[shard])
    return Page(found, pages.token({shard: head.record.sequence for shard, head in heads.items()}))


def get_record(directory: Path, shard: str, sequence: int, own: End | None = None) -> bytes:
    """Canonical JSON of one record, byte for byte. Raises AUDIT_RECORD_NOT_FOUND, AUDIT_CORRUPT."""
    if shard in _shards(directory):
        for part in _parts(directory / shard, own):
            if part.header.first_sequence <= sequence:
                for frame in part.frames():
                    if frame.sequence == sequence:
                        return frame.body
                break
    raise SignerdError(
        Reason.AUDIT_RECORD_NOT_FOUND, f"no record {sequence} in shard {shard[:64]!r}", field="position"
    )


def _advance(heads: dict[str, Entry], shard: str, rest: Iterator[Entry]) -> None:
    following = next(rest, None)
    if following is None:
        del heads[shard]
    else:
        heads[shard] = following


def _shards(directory: Path) -> list[str]:
    with os.scandir(directory) as found:
        return sorted(
            entry.name
            for entry in found
            if SHARD.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        )


def _parts(directory: Path, own: End | None) -> Iterator[_Part]:
    """The segments of a shard, newest first."""
    sealed: int | None = None
    for path in reversed(segments_in(directory)):
        if own is not None and number_of(path) >= own.number:
            sealed = own.length
            if number_of(path) > own.number:
                continue
        with path.open("rb") as file:
            found = read_header(file)
            if found is not None:
                yield _Part(path, file, found[0], found[1], sealed)
                sealed = found[0].previous_length
            elif sealed is not None:
                raise corrupt(path, 0, 0, "is damaged, and it had been durable")


def _newest_first(directory: Path, own: End | None, newest: int | None) -> Iterator[Entry]:
    for part in _parts(directory, own):
        if newest is None or part.header.first_sequence <= newest:
            yield from _backwards(part, newest)


def _backwards(part: _Part, newest: int | None) -> Iterator[Entry]:
    bounds = array("Q", [part.start])
    for frame in part.frames():
        bounds.append(frame.end)
        if frame.sequence == newest:
            break
    for index in range(len(bounds) - 2, -1, -1):
        data = os.pread(part.file.fileno(), bounds[index + 1] - bounds[index], bounds[index])
        frame_again = parse(data, 0)
        if frame_again is not None:
            yield Entry(decode(frame_again.body), frame_again.body)
