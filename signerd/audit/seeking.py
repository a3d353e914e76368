"""Where a period begins and ends in a shard: records by their time. Blocking, for a thread."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from signerd.audit.reading import entries
from signerd.audit.segments import End
from signerd.audit.tiles import minimum_index, read_bundle
from signerd.audit.tree import WIDTH


class _Timed(msgspec.Struct, gc=False):
    time: str


_time_of = msgspec.json.Decoder(_Timed).decode


def stamp_of(moment: datetime) -> str:
    """A time as records have it, to compare with theirs."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def records_before(directory: Path, moment: str, size: int, own: End | None = None) -> int:
    """How many of the first `size` records of a shard were written before a moment; pruned ones were.

    Times rise within a log but for a clock that was set back. Raises AUDIT_CORRUPT, OSError.
    """
    low, high = minimum_index(directory) // WIDTH, -(-size // WIDTH)
    while low < high:  # the first bundle that begins at the moment or later
        middle = (low + high) // 2
        if _time_at(directory, middle * WIDTH, own) < moment:
            low = middle + 1
        else:
            high = middle
    first = max((low - 1) * WIDTH, minimum_index(directory))
    last = min(low * WIDTH, size) - 1
    return first + sum(_time_of(body).time < moment for body in entries(directory, first, last, own))


def records_from(directory: Path, first: int, moment: str, own: End | None = None) -> int:
    """How many records from an index on were written before a moment. Raises AUDIT_CORRUPT, OSError."""
    count = 0
    for body in entries(directory, first, first + (1 << 62), own):
        if _time_of(body).time >= moment:
            break
        count += 1
    return count


def older_bundles(directory: Path, moment: str, limit: int) -> int:
    """The index behind the full bundles at the beginning of a shard in which all records are older than a moment.

    At most `limit`; a bundle is looked at whole, so that a clock that was set back lets nothing young be taken for old.
    Raises AUDIT_CORRUPT, OSError.
    """
    index = minimum_index(directory)
    while index + WIDTH <= limit:
        bundle = read_bundle(directory, index // WIDTH, WIDTH)
        if bundle is None or max(_time_of(body).time for body in bundle) >= moment:
            break
        index += WIDTH
    return index


def _time_at(directory: Path, index: int, own: End | None) -> str:
    return next((_time_of(body).time for body in entries(directory, index, index, own)), "~")
