"""Reading the log for those who ask: newest first over all shards, entries in order, or one record by its position.

Blocking, for a thread. Files of other workers are read while they are written.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from signerd.audit import pages
from signerd.audit.frames import parse
from signerd.audit.records import LARGEST_INTEGER, Record, decode
from signerd.audit.segments import SHARD, End
from signerd.audit.tiles import minimum_index, missing, read_bundle
from signerd.audit.tree import WIDTH
from signerd.audit.wal import Part, first_sequence, frames, parts
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


def entries(directory: Path, first_index: int, last_index: int, own: End | None = None) -> Iterator[bytes]:
    """The canonical JSON of the records of a shard, both indices included; ends early where the log ends.

    An index is a sequence - 1. `own`: how far this process's own shard is durable (`Log.end`). From bundles, and behind
    them from the write-ahead file. Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND for what was pruned, OSError.
    """
    at = first_index
    while at <= last_index:
        begin = at
        for body in _following(directory, at, own):
            yield body
            at += 1
            if at > last_index:
                return
        if at == begin:
            return


def _following(directory: Path, index: int, own: End | None) -> Iterator[bytes]:
    """Entries from an index on: all there are, or the rest of a bundle."""
    number, skipped = divmod(index, WIDTH)
    damage: SignerdError | None = None
    for _ in range(
        2
    ):  # what moves from the write-ahead file to a bundle meanwhile is there at the second look
        try:
            bundle = read_bundle(directory, number, skipped + 1)
        except SignerdError as error:
            bundle, damage = None, error
        if bundle is not None:
            return iter(bundle[skipped:])
        found = _ahead(directory, index, own)
        if found is not None:
            return found
    raise damage or missing(directory, index)


def _ahead(directory: Path, index: int, own: End | None) -> Iterator[bytes] | None:
    """Entries from the write-ahead file on; None where it begins behind the index."""
    first = first_sequence(directory)
    if first is not None and first > index + 1:
        return None
    return (frame.body for frame in frames(directory, index + 1, own))


def list_records(
    directory: Path,
    *,
    page_size: int,
    page_token: str = "",
    predicate: Callable[[Entry], bool] = lambda entry: True,
    own: Mapping[str, End] | None = None,
) -> Page:
    """List records of all shards below `directory`, by time, newest first.

    `own`: how far this process's own shards are durable (`Log.end`). A page may be short, even empty, and still have
    a next one: at most 100,000 records are looked at for one page. Raises PAGE_INVALID, AUDIT_CORRUPT.
    """
    size = pages.checked_size(page_size)
    known = pages.positions(page_token)
    shards = (
        shards_in(directory) if known is None else [shard for shard in shards_in(directory) if shard in known]
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
        if predicate(heads[shard]):
            found.append(heads[shard])
        _advance(heads, shard, rest[shard])
    return Page(found, pages.token({shard: head.record.sequence for shard, head in heads.items()}))


def get_record(directory: Path, shard: str, sequence: int, own: End | None = None) -> bytes:
    """Canonical JSON of one record, byte for byte. Raises AUDIT_RECORD_NOT_FOUND, AUDIT_CORRUPT."""
    if shard in shards_in(directory) and 0 < sequence <= LARGEST_INTEGER:
        for body in entries(directory / shard, sequence - 1, sequence - 1, own):
            return body
    raise SignerdError(
        Reason.AUDIT_RECORD_NOT_FOUND, f"no record {sequence} in shard {shard[:64]!r}", field="position"
    )


def _advance(heads: dict[str, Entry], shard: str, rest: Iterator[Entry]) -> None:
    following = next(rest, None)
    if following is None:
        del heads[shard]
    else:
        heads[shard] = following


def shards_in(directory: Path) -> list[str]:
    """Names of the shards below a directory, sorted. Raises OSError."""
    with os.scandir(directory) as found:
        return sorted(
            entry.name
            for entry in found
            if SHARD.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        )


def _newest_first(directory: Path, own: End | None, newest: int | None) -> Iterator[Entry]:
    low: int | None = None
    for part in parts(directory, own):
        low = part.header.first_sequence
        if newest is None or low <= newest:
            yield from _backwards(part, newest)
    if low is not None:
        yield from _bundled(directory, low - 1 if newest is None else min(low - 1, newest))


def _bundled(directory: Path, newest: int) -> Iterator[Entry]:
    """What bundles have, down from a sequence to where the log was pruned."""
    while newest > 0:
        number, width = divmod(newest - 1, WIDTH)
        bundle = read_bundle(directory, number, width + 1)
        if bundle is None:
            if newest - 1 < minimum_index(directory):
                return
            raise missing(directory, newest - 1)
        for body in reversed(bundle[: width + 1]):
            yield Entry(decode(body), body)
        newest = number * WIDTH


def _backwards(part: Part, newest: int | None) -> Iterator[Entry]:
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
