"""The records of one shard as sinks read them: the newest from memory, older ones from the log."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, NamedTuple

from signerd.sinks.base import Entry

MOST_RECORDS: Final = 256
MOST_BYTES: Final = 512 << 10
KEPT_BYTES: Final = 4 << 20

Reader = Callable[[int, int], list[Entry]]
"""Reads the records from one sequence to another from the log, fewer if they are large; blocks."""


class _Chunk(NamedTuple):
    """The records of one group."""

    first: int
    bodies: list[bytes]
    size: int

    @property
    def last(self) -> int:
        return self.first + len(self.bodies) - 1


class Stream:
    """Gives the durable records behind a position. `newest` is the sequence of the newest durable one."""

    def __init__(self, newest: int, read: Reader, kept_bytes: int = KEPT_BYTES) -> None:
        self.newest = newest
        self._read = read
        self._kept_bytes = kept_bytes
        self._kept: deque[_Chunk] = deque()
        self._size = 0

    def add(self, first: int, bodies: Sequence[bytes]) -> None:
        """Take the records of the group that has become durable, from a sequence on."""
        chunk = _Chunk(first, list(bodies), sum(map(len, bodies)))
        self._kept.append(chunk)
        self._size += chunk.size
        self.newest = chunk.last
        while self._size > self._kept_bytes:
            self._size -= self._kept.popleft().size

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
            chunk = chunks.pop()
            begin = max(sequence + 1 - chunk.first, 0)
            bodies = chunk.bodies[begin : begin + MOST_RECORDS]
            found += map(Entry, count(chunk.first + begin), bodies)
        return bounded(found)


def bounded(entries: list[Entry]) -> list[Entry]:
    """As many as one delivery takes, at least one if there are any."""
    size = 0
    for index, entry in enumerate(entries[:MOST_RECORDS]):
        size += len(entry.json)
        if size > MOST_BYTES:
            return entries[: max(index, 1)]
    return entries[:MOST_RECORDS]
