"""The records of one shard as sinks read them: the newest from memory, older ones from the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from signerd.audit.frames import parse
from signerd.sinks.base import Entry

MOST_RECORDS: Final = 256
MOST_BYTES: Final = 512 << 10
KEPT_BYTES: Final = 4 << 20

Reader = Callable[[int, int], list[Entry]]
"""Reads the records from one sequence to another from the log, fewer if they are large; blocks."""


class _Chunk(NamedTuple):
    """The frames of one group."""

    first: int
    last: int
    data: bytes


class Stream:
    """Gives the durable records behind a position. `newest` is the sequence of the newest durable one."""

    def __init__(self, newest: int, read: Reader, kept_bytes: int = KEPT_BYTES) -> None:
        self.newest = newest
        self._read = read
        self._kept_bytes = kept_bytes
        self._kept: deque[_Chunk] = deque()
        self._size = 0

    def add(self, first: int, last: int, data: bytes | bytearray) -> None:
        """Take the frames of the group that has become durable."""
        self._kept.append(_Chunk(first, last, bytes(data)))
        self._size += len(data)
        self.newest = last
        while self._size > self._kept_bytes:
            self._size -= len(self._kept.popleft().data)

    async def after(self, sequence: int) -> list[Entry]:
        """The next records behind `sequence`, some of them; they begin later where older ones are gone.

        Raises OSError and AUDIT_CORRUPT.
        """
        if self._kept and self._kept[0].first <= sequence + 1:
            return self._from_memory(sequence)
        last = min(self.newest, sequence + MOST_RECORDS)
        found = await asyncio.to_thread(self._read, sequence + 1, last)
        return bounded([entry for entry in found if entry.sequence <= self.newest])

    def _from_memory(self, sequence: int) -> list[Entry]:
        chunks: list[_Chunk] = []
        for chunk in reversed(self._kept):  # sinks are near the end
            if chunk.last <= sequence:
                break
            chunks.append(chunk)
        found: list[Entry] = []
        while chunks and len(found) < MOST_RECORDS:
            found += (entry for entry in _entries(chunks.pop().data) if entry.sequence > sequence)
        return bounded(found)


def bounded(entries: list[Entry]) -> list[Entry]:
    """As many as one delivery takes, at least one if there are any."""
    size = 0
    for index, entry in enumerate(entries[:MOST_RECORDS]):
        size += len(entry.json)
        if size > MOST_BYTES:
            return entries[: max(index, 1)]
    return entries[:MOST_RECORDS]


def _entries(data: bytes) -> list[Entry]:
    found, at = [], 0
    while (frame := parse(data, at)) is not None:
        found.append(Entry(frame.sequence, frame.body))
        at = frame.end
    return found
