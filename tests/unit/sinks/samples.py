"""Records, a stream of them, and senders that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signerd.audit.records import FORMAT, Record, encode
from signerd.config_sinks import FileSink
from signerd.errors import SignerdError
from signerd.sinks.base import Entry
from signerd.sinks.delivery import Delivery, Gap, Told
from signerd.sinks.stream import Stream


def record_json(sequence: int, **fields: object) -> bytes:
    given = {
        "operation": "sign",
        "outcome": "ok",
        "key": "team-a/release",
        "shard": "worker-0",
        "v": FORMAT,
    } | fields
    given.setdefault("time", "2026-11-22T14:00:00.000001Z")
    return encode(Record(sequence=sequence, **given))  # type: ignore[arg-type]


def entry(sequence: int, **fields: object) -> Entry:
    return Entry(sequence, record_json(sequence, **fields))


def bodies_of(first: int, last: int) -> list[bytes]:
    return [record_json(sequence) for sequence in range(first, last + 1)]


def section(**settings: object) -> FileSink:
    given = {"name": "siem", "type": "file", "path": Path("/nowhere"), "timeout": 0.2, "queue": 1000}
    return FileSink.model_validate({**given, **settings})


class LogCopy:
    """What the log gives of older records; those below `oldest` are gone."""

    def __init__(self) -> None:
        self.oldest = 1
        self.reads: list[tuple[int, int]] = []

    def read(self, first: int, last: int) -> list[Entry]:
        self.reads.append((first, last))
        gone = max(self.oldest - first, 0)
        return [entry(sequence) for sequence in range(first + gone, last + gone + 1)]


@dataclass
class Receiver:
    """A sender in memory: fails with the next of `faults`, hangs while `open` is not set."""

    faults: list[Exception] = field(default_factory=list)
    taken: list[Entry] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    most: int = 1_000_000
    too_large: Callable[[Sequence[Entry]], Exception | None] = lambda entries: None
    open: asyncio.Event = field(default_factory=asyncio.Event)
    reopened: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def sequences(self) -> list[int]:
        return [one.sequence for one in self.taken]

    async def send(self, entries: Sequence[Entry]) -> None:
        await self.open.wait()
        if self.faults:
            raise self.faults.pop(0)
        refused = self.too_large(entries)
        if refused is not None:
            raise refused
        self.taken += entries
        self.sizes.append(len(entries))

    def reopen(self) -> None:
        self.reopened += 1

    async def close(self) -> None:
        self.closed = True


class Followed:
    """A delivery with its stream and receiver; its task runs inside `async with`."""

    def __init__(self, newest: int = 0, position: int = 0, kept: int = 4 << 20, **settings: object) -> None:
        self.log = LogCopy()
        self.stream = Stream(newest, self.log.read, kept)
        self.receiver = Receiver()
        self.gaps: list[Gap] = []
        self.moves = 0
        self.refused_gap: SignerdError | None = None
        told = Told(self._moved, self._left_out)
        self.delivery = Delivery(section(**settings), self.receiver, self.stream, position, told)

    def _moved(self) -> None:
        self.moves += 1

    async def _left_out(self, gap: Gap) -> None:
        if self.refused_gap is not None:
            raise self.refused_gap
        self.gaps.append(gap)

    def add(self, first: int, last: int) -> None:
        self.stream.add(first, bodies_of(first, last))
        self.delivery.wake()

    async def __aenter__(self) -> Followed:
        self._task = asyncio.create_task(self.delivery.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def until(met: Callable[[], bool]) -> None:
    """Wait until something holds; the limit only keeps a broken test from hanging."""
    async with asyncio.timeout(20):
        while not met():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
