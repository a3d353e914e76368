"""Retention of the audit log: records over an age are deleted, whole bundles at a time, and that is on record.

Each worker prunes its own shard. Nothing goes that the newest checkpoint, the mirror or a required sink has not got.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from signerd.audit.log import Log
from signerd.audit.seeking import older_bundles, stamp_of
from signerd.audit.tiles import minimum_index
from signerd.audit.tree import WIDTH
from signerd.authz.identity import Caller
from signerd.engine.checkpointer import Checkpointer
from signerd.engine.directory import check_call
from signerd.engine.periods import shards_of
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError
from signerd.sinks.fanout import SinkFigures

OPERATION: Final = "prune-records"
LEAST: Final = timedelta(days=1)
INTERVAL: Final = 300.0
FIRST: Final = 10.0
"""Seconds between two looks for what is too old, and to the first: a start has other things to do."""
ELSEWHERE: Final = "is not written by the worker that answers; audit.retention prunes what a worker writes"
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a shard: its first record was at index `before`, and is at `minimum` then.

    `problem` is why no more, or nothing, is deleted; empty where only the age decides.
    """

    shard: str
    before: int
    minimum: int
    problem: str = ""


@dataclass(slots=True)
class Retention:
    """Prunes the shard of `log`. `held`: how many records each of those has that must have them; `now` is the clock.

    `age` is how old records may get, None for any age.
    """

    directory: Path
    log: Log
    recorder: Recorder
    held: Callable[[], Mapping[str, int]]
    now: Callable[[], datetime]
    age: timedelta | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Prune by age until cancelled; without an age nothing is done."""
        pause = FIRST
        while self.age is not None:
            await self.sleep(pause)
            pause = INTERVAL
            try:
                done = await self.prune(self.now() - self.age)
            except SignerdError as error:
                logger.warning("the audit log could not be pruned", problem=error.message)
                continue
            if done.minimum > done.before:
                logger.info("audit log pruned", shard=done.shard, minimum_index=done.minimum)

    async def asked(
        self, caller: Caller, call: ReadCall, before: datetime, plan_only: bool
    ) -> tuple[list[Plan], int]:
        """Prune what is older than `before`, or say what would be; with the sequence of the request's record.

        Raises REQUEST_MALFORMED, AUDIT_UNAVAILABLE, AUDIT_CORRUPT.
        """
        facts = Facts(OPERATION, "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            check_before(before, self.now())
            own = await (self.plan(before) if plan_only else self.prune(before))
            others = await asyncio.to_thread(self._others)
        return sorted([own, *others], key=lambda one: one.shard), facts.sequence

    async def prune(self, before: datetime) -> Plan:
        """Prune this worker's shard. Raises AUDIT_UNAVAILABLE, AUDIT_CORRUPT."""
        async with self._busy:
            plan = await self.plan(before)
            if plan.minimum > plan.before:
                await self.log.prune(plan.minimum)
            return plan

    async def plan(self, before: datetime) -> Plan:
        """What `prune` would do. Raises AUDIT_UNAVAILABLE, AUDIT_CORRUPT."""
        try:
            return await asyncio.to_thread(self._plan, stamp_of(before), dict(self.held()))
        except OSError as error:
            raise SignerdError(
                Reason.AUDIT_UNAVAILABLE, f"the audit log can't be read: {error.strerror}", retry_after=1.0
            ) from None

    def _plan(self, moment: str, held: Mapping[str, int]) -> Plan:
        directory = self.directory / self.log.shard
        first = minimum_index(directory)
        wanted = older_bundles(directory, moment, self.log.sequence)
        return limited(Plan(self.log.shard, first, wanted), held)

    def _others(self) -> list[Plan]:
        found = []
        for shard in shards_of(self.directory):
            first = minimum_index(self.directory / shard)
            if shard != self.log.shard:
                found.append(Plan(shard, first, first, ELSEWHERE))
        return found


def limited(plan: Plan, held: Mapping[str, int]) -> Plan:
    """The plan, without records that somebody who must have them has not got yet."""
    name, size = min(held.items(), key=lambda one: one[1], default=("", plan.minimum))
    minimum = max(plan.before, size - size % WIDTH)
    if minimum >= plan.minimum:
        return plan
    return Plan(plan.shard, plan.before, minimum, f"{name} has only the first {size} records")


def holders(checkpointer: Checkpointer, sinks: Sequence[SinkFigures]) -> dict[str, int]:
    """Who must have records before they are deleted, and how many of the shard's first each has."""
    published, latest, mirror = (
        checkpointer.log.published,
        checkpointer.latest,
        checkpointer.anchors.copy,
    )
    found = {
        "the checkpoint on disk": published.size if published else 0,
        "the checkpoint in the state database": latest.size if latest else 0,
    }
    if mirror is not None:
        found["the mirror"] = mirror.size
    return found | {f"sink {one.name}": one.position for one in sinks if one.required}


def check_before(before: datetime, now: datetime) -> None:
    """Raise REQUEST_MALFORMED for records that are younger than a day."""
    if now - before < LEAST:
        raise SignerdError(
            Reason.REQUEST_MALFORMED,
            "before must be at least a day ago: younger records are kept",
            field="before",
        )
