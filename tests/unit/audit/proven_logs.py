"""Logs with records for tests that find, follow and show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from signerd.audit.checkpoints import Checkpoint, body
from signerd.audit.log import Log, Tuning, open_log
from signerd.audit.notes import note, signature_line
from signerd.audit.records import Record

SMALL = Tuning(gather=0.0, segment_bytes=4096, probe=0.01, reserve=0)
INSTANCE = "instance"


@dataclass(frozen=True)
class Several:
    """One entry of many records."""

    made: Sequence[Record]

    def records(self) -> list[Record]:
        return [*self.made]


async def opened(directory: Path, shard: str = "a", tuning: Tuning = SMALL) -> Log:
    return await open_log(directory, shard, instance=INSTANCE, tuning=tuning)


async def write(log: Log, *records: Record) -> None:
    await log.append(Several(records), len(records)).durable


async def write_many(log: Log, count: int, make: Callable[[int], Record] | None = None) -> None:
    made = make or (lambda number: record(key=f"k{number % 3}"))
    for begin in range(0, count, 50):
        await write(log, *(made(number) for number in range(begin, min(count, begin + 50))))


async def publish(log: Log) -> Checkpoint:
    """A checkpoint with a signature that nobody looks at."""
    head = log.tree_head()
    text = body(log.origin, head)
    made = Checkpoint(
        log.origin, head.size, head.root, note(text, [signature_line(log.origin, bytes(32), bytes(64))])
    )
    await log.publish(made)
    return made


def record(**fields: object) -> Record:
    return Record(**({"operation": "sign", "outcome": "ok", "caller": "unix:ann"} | fields))  # type: ignore[arg-type]
