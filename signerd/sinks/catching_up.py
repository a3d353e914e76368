"""Reading from the log what a sink missed. Blocking, for a thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from signerd.audit.reading import entries
from signerd.audit.segments import End
from signerd.audit.tiles import minimum_index
from signerd.errors import Reason, SignerdError
from signerd.sinks.base import Entry


def read(directory: Path, end: Callable[[], End], first: int, last: int) -> list[Entry]:
    """The records from one sequence to another, later ones where the older are gone; ends early with the log.

    `end` tells how far the shard is durable. Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND, OSError.
    """
    try:
        return _read(directory, end(), first, last)
    except SignerdError as error:
        oldest = minimum_index(directory) + 1
        if error.reason is not Reason.AUDIT_RECORD_NOT_FOUND or oldest <= first:
            raise
    return _read(directory, end(), oldest, oldest + last - first)


def _read(directory: Path, end: End, first: int, last: int) -> list[Entry]:
    bodies = entries(directory, first - 1, last - 1, end)
    return [Entry(sequence, body) for sequence, body in enumerate(bodies, first)]
