"""Records in the order of their logs, as a stream: as they come, or all there are.

A stream reads from the log at its reader's pace: a slow one takes no memory, it is behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

from signerd.audit.filters import ALL, Filter, facets_of
from signerd.audit.following import Follower
from signerd.audit.index.queries import Match
from signerd.audit.jumping import last_sequence
from signerd.audit.log import Log
from signerd.audit.reading import shards_in
from signerd.authz.identity import Caller
from signerd.engine.directory import check_call
from signerd.engine.record_filters import check_filter
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError

POLL: Final = 0.2
BATCH: Final = 256
MOST_BYTES: Final = 512 << 10
MOST: Final = 32
HEARTBEAT: Final = 15.0
SHORTEST, LONGEST = 1.0, 300.0
Positions = Mapping[str, int]
Result = TypeVar("Result")


class FollowCall(ReadCall):
    """Records behind `after`, by shard; `heartbeat` in seconds, 0 for the usual."""

    wanted: Filter = ALL
    after: dict[str, int] = {}  # noqa: RUF012 - msgspec makes a new one
    heartbeat: float = 0.0


@dataclass(frozen=True, slots=True)
class Looked:
    """Records that match, and how far shards were looked through; `last` is where a shard ended at the beginning."""

    records: Sequence[Match]
    positions: Positions
    last: int = 0


@dataclass(slots=True)
class RecordStreams:
    """Streams of the shards in `directory`, at most MOST at a time; `log` is this worker's. `stopping` ends them."""

    directory: Path
    log: Log
    recorder: Recorder
    stopping: Callable[[], bool]
    under_way: int = 0

    async def tail(self, caller: Caller, call: FollowCall) -> AsyncGenerator[Looked, None]:
        """Records as they come, first of all the positions. Never ends by itself but with SHUTTING_DOWN.

        Raises OVERLOADED, AUDIT_RECORD_NOT_FOUND for positions that are not there, AUDIT_CORRUPT.
        """
        pause = call.heartbeat or HEARTBEAT
        followers = await self._begun(caller, call, "tail-records")
        try:
            yield Looked([], {name: one.sequence - 1 for name, one in followers.items()})
            moved: dict[str, int] = {}
            sent = monotonic()
            while not self.stopping():
                found = await read(partial(self._next, followers, call.wanted))
                moved |= found.positions
                if found.records or monotonic() - sent >= pause:
                    yield Looked(found.records, moved)
                    moved, sent = {}, monotonic()
                elif not found.positions:
                    await asyncio.sleep(POLL)
            raise SignerdError(Reason.SHUTTING_DOWN, retry_after=1.0)
        finally:
            self.under_way -= 1

    async def export(self, caller: Caller, call: FollowCall) -> AsyncGenerator[Looked, None]:
        """All records that are there now, shard by shard; raises as `tail`."""
        followers = await self._begun(caller, call, "export-records")
        try:
            for name, follower in sorted(followers.items()):
                if call.wanted.shard not in ("", name):
                    continue
                last = await read(partial(self._last, name))
                while not self.stopping():
                    found = await read(partial(_look, follower, call.wanted, last))
                    yield Looked(found.records, {name: follower.sequence - 1}, last)
                    if not found.positions:
                        break
            if self.stopping():
                raise SignerdError(Reason.SHUTTING_DOWN, retry_after=1.0)
        finally:
            self.under_way -= 1

    async def _begun(self, caller: Caller, call: FollowCall, operation: str) -> dict[str, Follower]:
        """Put the reading on record, and find where to begin."""
        facts = Facts(operation, call.wanted.key, 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            check_filter(call.wanted)
            check_heartbeat(call.heartbeat)
            if self.under_way >= MOST:
                raise SignerdError(
                    Reason.OVERLOADED, f"{MOST} streams of records are under way", retry_after=5.0
                )
            self.under_way += 1
            try:
                begun = await read(partial(self._followers, call.after, operation == "tail-records"))
            except BaseException:
                self.under_way -= 1
                raise
        return begun

    def _followers(self, after: Positions, from_now: bool) -> dict[str, Follower]:
        names = shards_in(self.directory)
        ends = {name: self._last(name) for name in names}
        for name, sequence in after.items():
            if not 0 <= sequence <= ends.get(name, -1):
                raise SignerdError(
                    Reason.AUDIT_RECORD_NOT_FOUND,
                    f"no record {sequence} in shard {name[:64]!r}",
                    field="after",
                )
        begin = ends if from_now and not after else dict(after)
        return {name: self._follower(name, begin.get(name, 0)) for name in names}

    def _follower(self, name: str, after: int) -> Follower:
        own = (lambda: self.log.end) if name == self.log.shard else None
        return Follower(self.directory / name, after + 1, own, proven=True)

    def _last(self, name: str) -> int:
        return self.log.sequence if name == self.log.shard else last_sequence(self.directory / name)

    def _next(self, followers: dict[str, Follower], wanted: Filter) -> Looked:
        """What is new in all shards, those too that were begun meanwhile."""
        records: list[Match] = []
        positions: dict[str, int] = {}
        for name in shards_in(self.directory):
            if name not in followers:
                followers[name] = self._follower(name, 0)
            found = _look(followers[name], wanted)
            records += found.records
            positions |= found.positions
            if sum(len(one.json) for one in records) > MOST_BYTES:
                break
        return Looked(records, positions)


async def read(look: Callable[[], Result]) -> Result:
    """What a blocking look at the log gives; raises AUDIT_UNAVAILABLE where it can't be read."""
    try:
        return await asyncio.to_thread(look)
    except OSError as error:
        raise SignerdError(
            Reason.AUDIT_UNAVAILABLE, f"the audit log can't be read: {error.strerror}", retry_after=1.0
        ) from None


def _look(follower: Follower, wanted: Filter, last: int | None = None) -> Looked:
    """The next records of one shard up to `last`; no positions where there is nothing new."""
    gone = follower.skip_pruned()
    first, most = follower.sequence, BATCH
    if last is not None:
        most = min(BATCH, last - first + 1)
    bodies = follower.read(most) if most > 0 else []
    name = follower.directory.name
    found = [
        Match(name, sequence, body)
        for sequence, body in enumerate(bodies, first)
        if wanted.is_empty or wanted.matches(facets_of(body))
    ]
    return Looked(found, {name: follower.sequence - 1} if bodies or gone else {})


def check_heartbeat(seconds: float) -> None:
    """Raise REQUEST_MALFORMED unless it is 0 or between 1 s and 5 min."""
    if seconds and not SHORTEST <= seconds <= LONGEST:
        raise SignerdError(
            Reason.REQUEST_MALFORMED,
            f"heartbeat is {seconds:g} s, must be {SHORTEST:g} to {LONGEST:g} s",
            field="heartbeat",
        )
