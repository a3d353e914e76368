"""A group: records that one write makes durable, and when it is time to write it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from signerd.audit.frames import frame
from signerd.audit.segments import End

FEW: int = 2


class Group:
    """Frames gathered for one write, and those who wait for it."""

    __slots__ = ("data", "end", "first", "last", "revision", "started", "waiters")

    def __init__(self, first: int, started: float) -> None:
        self.data = bytearray()
        self.end = End(0, 0)
        self.first = first
        self.last = first - 1
        self.revision = 0
        self.started = started
        self.waiters: list[asyncio.Future[None]] = []

    def extend(self, bodies: Sequence[bytes], revision: int) -> None:
        """Frame the next records, the highest state revision among them being `revision`."""
        data, sequence = self.data, self.last
        for body in bodies:
            sequence += 1
            data += frame(sequence, len(data), body)
        self.last = sequence
        self.revision = max(self.revision, revision)

    def release(self) -> None:
        """Wake those who wait: the records are durable."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)


def pause(before: int, gathered: int, gather: float, age: float) -> float:
    """How long to go on gathering, in seconds; 0 is the end of this turn of the loop.

    `before`: requests in the group written last, a guess at how many will come. `gathered`: how many have come, the
    first of them `age` seconds ago.
    """
    if before <= FEW or gathered >= before:
        return 0.0
    return max(0.0, gather - age)
