"""What is found when a log is opened, under its lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from signerd.audit import checkpoints
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.disk import Disk
from signerd.audit.publishing import Publishing
from signerd.audit.recovery import lock, recover
from signerd.audit.replay import Replay
from signerd.audit.tile_store import TileStore
from signerd.audit.tree import TreeHead
from signerd.audit.writer import Place


class Found(NamedTuple):
    """A log as it was found: where it stands, its tree, its checkpoint, and the descriptor that holds its lock."""

    place: Place
    replay: Replay
    published: Checkpoint | None
    lock: int


def find(directory: Path, shard: str, instance: str, disk: Disk, known: Iterable[TreeHead]) -> Found:
    """Lock a shard and recover it. Raises what `lock` and `recover` do."""
    held = lock(directory)
    try:
        published = checkpoints.read(directory, checkpoints.origin(instance, shard))
        heads = [*known, published.head] if published else [*known]
        place, replay = recover(directory, shard, instance, disk, heads)
    except BaseException:
        os.close(held)
        raise
    return Found(place, replay, published, held)


def publishing_of(found: Found, disk: Disk, on_trouble: Callable[[str], None]) -> Publishing:
    """The tree of a log that was found, with what is published of it."""
    place, replay, published = found.place, found.replay, found.published
    store = TileStore(place.directory, replay.standing(), disk, published.size if published else None)
    origin = checkpoints.origin(place.instance, place.shard)
    made = Publishing(origin, place.directory, replay.growth, store, on_trouble)
    made.begin(replay.base, published)
    return made
