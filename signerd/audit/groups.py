"""A group: records that one write makes durable, and when it is time to write it."""

from __future__ import annotations

import asyncio

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

    def add(self, body: bytes, revision: int) -> None:
        """Frame the next record."""
        self.last += 1
        self.data += frame(self.last, len(self.data), body)
        self.revision = max(self.revision, revision)

    def release(self) -> None:
        """Wake those who wait: the records are durable."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)


def pause(before: int, gather: float, age: float) -> float:
    """How long to go on gathering, in seconds; 0 is the end of this turn of the loop.

    `before`: requests in the group written last. Few means that nobody else comes while we wait; many, that every
    write wakes the thread for more requests the longer it waits. `age`: since the group's first request.
    """
    return 0.0 if before <= FEW else max(0.0, gather - age)
