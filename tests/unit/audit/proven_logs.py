"""Logs with many records, checkpoints over them, and a tree that is computed plainly to hold them against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signerd.audit import checkpoints, notes
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.disk import Disk
from signerd.audit.log import Listener, Log, Tuning, open_log
from signerd.audit.reading import entries
from signerd.audit.tree import TreeHead
from signerd.audit.tuning import NOBODY
from signerd.core.merkle import leaf_hash, tree_hash
from tests.unit.audit.samples import Several, make_record

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
# Segments of some 100 records: they are removed soon.
SMALL = Tuning(gather=0.0005, probe=0.01, segment_bytes=20_000, reserve=0)


def signed(origin: str, head: TreeHead) -> Checkpoint:
    text = checkpoints.body(origin, head)
    line = notes.signature_line(origin, PUBLIC, KEY.sign(text))
    return checkpoints.parse(notes.note(text, [line]), origin)


async def opened(
    directory: Path,
    disk: Disk | None = None,
    tuning: Tuning = SMALL,
    known: Sequence[TreeHead] = (),
    listener: Listener = NOBODY,
) -> Log:
    return await open_log(
        directory, "0", instance="i", tuning=tuning, disk=disk, known=known, listener=listener
    )


async def fill(log: Log, count: int, step: int = 50) -> None:
    """Append so many records, some to a group."""
    for begin in range(0, count, step):
        made = [make_record(detail=f"n{begin + at}") for at in range(min(step, count - begin))]
        await log.append(Several(made), len(made)).durable


async def publish(log: Log) -> Checkpoint:
    checkpoint = signed(log.origin, log.tree_head())
    await log.publish(checkpoint)
    return checkpoint


async def written(directory: Path, count: int) -> Checkpoint:
    """A closed log of so many records with a checkpoint over all."""
    log = await opened(directory)
    await fill(log, count)
    checkpoint = await publish(log)
    await log.close()
    return checkpoint


def root_of(directory: Path, size: int) -> bytes:
    """The root over the entries that can be read."""
    return tree_hash([leaf_hash(body) for body in entries(directory / "0", 0, size - 1)])


def files(directory: Path) -> set[str]:
    """Files of the shard but those of the write-ahead file."""
    shard = directory / "0"
    found = (path.relative_to(shard).as_posix() for path in shard.rglob("*") if path.is_file())
    return {file for file in found if not file.startswith("wal/")} - {"lock", "new"}
