"""A group: records that one write makes durable, and when it is time to write it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from signerd.audit.frames import frame
from signerd.audit.records import FORMAT, Record, encode
from signerd.audit.segments import End
from signerd.errors import SignerdError

QUIET_TURNS: Final = 16
"""Turns of the event loop without a newcomer after which nobody else is on the way: below 0.1 ms when it is idle."""


class Entry(Protocol):
    """What can tell its records when it is time to write them."""

    def records(self) -> list[Record]:
        """The records, fresh ones."""


class Group:
    """Entries gathered for one write, and those who wait for it."""

    __slots__ = (
        "bodies",
        "data",
        "end",
        "entries",
        "first",
        "last",
        "quiet",
        "revision",
        "seen",
        "started",
        "waiters",
    )

    def __init__(self, first: int, started: float) -> None:
        self.bodies: list[bytes] = []
        self.data = bytearray()
        self.end = End(0, 0)
        self.entries: list[Entry] = []
        self.first = first
        self.last = first - 1
        self.quiet = 0
        self.revision = 0
        self.seen = 0
        self.started = started
        self.waiters: list[asyncio.Future[None]] = []

    def add(self, entry: Entry, records: int) -> None:
        """Gather an entry of so many records."""
        self.entries.append(entry)
        self.last += records

    def is_settled(self) -> bool:
        """Whether no more are likely to come soon; to be asked once in a turn of the loop."""
        coming = len(self.waiters) - self.seen
        self.seen += coming
        self.quiet = 0 if coming else self.quiet + 1
        return self.quiet >= QUIET_TURNS

    def build(self, shard: str, now: str) -> list[Record]:
        """Make the records and their frames, all in one go: that is a third faster than one by one as they come."""
        records = [record for entry in self.entries for record in entry.records()]
        if len(records) != self.last - self.first + 1:
            raise ValueError(f"{self.last - self.first + 1} records were announced, {len(records)} came")
        bodies, data = self.bodies, self.data
        for sequence, record in enumerate(records, self.first):
            record.sequence = sequence
            record.shard = shard
            record.time = now
            record.v = FORMAT
            body = encode(record)
            bodies.append(body)
            data += frame(sequence, len(data), body)
        self.revision = max(record.revision for record in records)
        return records

    def fail(self, error: Callable[[], SignerdError]) -> None:
        """Turn away those who wait, each with an error of its own."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(error())
                waiter.exception()  # nobody need look

    def release(self) -> None:
        """Wake those who wait: the records are durable."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
