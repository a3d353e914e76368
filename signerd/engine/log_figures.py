"""What `status` tells of the checkpoints of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NOT_DETECTABLE: Final = "not detectable"


@dataclass(frozen=True, slots=True)
class WitnessFigures:
    """A witness: the tree size it cosigned last in this life of the worker (0: none), and what is wrong with it."""

    name: str
    size: int
    problem: str


@dataclass(frozen=True, slots=True)
class MirrorFigures:
    """The mirror: how many records it has, how many of the newest checkpoint it lacks, and why."""

    size: int
    lag: int
    problem: str


@dataclass(frozen=True, slots=True)
class ShardFigures:
    """The newest checkpoint of a shard, and its age in whole seconds."""

    shard: str
    size: int
    age: int


@dataclass(frozen=True, slots=True)
class LogFigures:
    """The checkpoints of one worker's shard; `own` is None while there is none, `others` are those of other shards."""

    own: ShardFigures | None
    problem: str
    quorum: int
    witnesses: Sequence[WitnessFigures]
    mirror: MirrorFigures | None
    truncation: str
    others: Sequence[ShardFigures]


def truncation(kept: str, witnesses: Sequence[WitnessFigures], mirror: MirrorFigures | None) -> str:
    """What knows a checkpoint besides the log's own directory, so that a cut-off end is seen.

    `kept` names the state database where that has one. Who has none of these has nothing to compare the log with.
    """
    found = [kept] if kept else []
    cosigned = sum(one.size > 0 for one in witnesses)
    if cosigned:
        found.append(f"{cosigned} of {len(witnesses)} witnesses")
    if mirror is not None and mirror.size:
        found.append("mirror")
    return f"detectable by {', '.join(found)}" if found else NOT_DETECTABLE
