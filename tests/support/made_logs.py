"""Logs made by the daemon's own code: records through `Log`, checkpoints published, files as they lie on disk."""

from __future__ import annotations

from pathlib import Path

from signerd.audit import checkpoints, notes
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log, Tuning, open_log
from signerd.audit.records import Record
from tests.support.tlogs import INSTANCE, SHARD, Signer

ORIGIN = f"{INSTANCE}/{SHARD}"
SIGNER = Signer(ORIGIN)
STEP = 4000
TUNING = Tuning(segment_bytes=1 << 20, reserve=0)


async def opened(directory: Path) -> Log:
    return await open_log(directory, SHARD, instance=INSTANCE, tuning=TUNING)


async def publish(log: Log) -> Checkpoint:
    """Publish a checkpoint of all that is durable."""
    head = log.tree_head()
    text = checkpoints.body(log.origin, head)
    note = notes.note(text, [SIGNER.line(text.decode()).encode()])
    made = checkpoints.parse(note, log.origin)
    await log.publish(made)
    return made


async def append(log: Log, count: int) -> None:
    """Append records, and wait until they are durable."""
    for at in range(0, count, STEP):
        tickets = [
            log.append(Record(operation="sign", outcome="ok", key="release", digest=f"sha256:{number:064x}"))
            for number in range(at, min(at + STEP, count))
        ]
        await tickets[-1].durable
