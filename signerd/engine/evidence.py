"""What evidence for auditors is made of: heads of a period, proofs in bulk, grants; and the record that seals it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from signerd.audit import checkpoints
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.proofs import Nodes
from signerd.audit.records import Record
from signerd.audit.seeking import records_before, records_from, stamp_of
from signerd.audit.segments import SHARD, End
from signerd.audit.tiles import minimum_index
from signerd.authz.identity import Caller
from signerd.engine.directory import check_call
from signerd.engine.grants import Grant
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError
from signerd.state.checkpoints import Checkpoints

OPERATION: Final = "evidence"
MOST: Final = 1000
PATIENCE: Final = 10.0
"""Seconds that a checkpoint is waited for that covers the end of the period."""
POLL: Final = 0.2
RECENT: Final = timedelta(minutes=1)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """A size of the log with its root, and the consistency proof to the checkpoint."""

    size: int
    root: bytes
    consistency: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Period:
    """One shard in a period; `problem` says why there are no heads. `unproven` records lie behind the checkpoint."""

    shard: str
    origin: str
    problem: str = ""
    begin: Head | None = None
    end: Head | None = None
    unproven: int = 0
    checkpoint: bytes = b""
    pruned: int = 0


@dataclass(slots=True)
class EvidenceReader:
    """Reads the shards below `directory`; `covering` gives a checkpoint of this worker's own, `now` is the clock."""

    directory: Path
    log: Log
    recorder: Recorder
    state: Checkpoints
    covering: Callable[[int], Awaitable[Checkpoint]]
    grants: Sequence[Grant]
    now: Callable[[], datetime]
    patience: float = field(default=PATIENCE)

    @property
    def instance(self) -> str:
        """Id of the instance: what the names of its logs begin with."""
        return self.log.origin.rpartition("/")[0]

    async def heads(self, caller: Caller, call: ReadCall, since: datetime, until: datetime) -> list[Period]:
        """All shards at begin and end of a period that is over; raises REQUEST_MALFORMED, CHECKPOINT_UNAVAILABLE."""
        async with self.recorder.attempt(caller, _facts("get-heads", call)):
            check_call(call)
            check_period(since, until, self.now())
            kept = await self.state.all()
            here = await asyncio.to_thread(shards_of, self.directory)
            return [await self._period(name, name in here, since, until) for name in sorted({*kept, *here})]

    async def _period(self, shard: str, is_here: bool, since: datetime, until: datetime) -> Period:
        origin = checkpoints.origin(self.instance, shard)
        if not is_here:
            return Period(shard, origin, "its records are on another machine")
        own = self.log.end if shard == self.log.shard else None
        moments = stamp_of(since), stamp_of(until)
        found = await self._checkpoint(shard, origin, until)
        if found is None:
            return Period(shard, origin, "no checkpoint covers its records")
        return await asyncio.to_thread(period_of, self.directory / shard, found, moments, own)

    async def _checkpoint(self, shard: str, origin: str, until: datetime) -> Checkpoint | None:
        if shard == self.log.shard:
            try:
                async with asyncio.timeout(self.patience):
                    return await self.covering(self.log.sequence)
            except TimeoutError:
                raise SignerdError(Reason.CHECKPOINT_UNAVAILABLE, retry_after=1.0) from None
        found = await asyncio.to_thread(checkpoints.read, self.directory / shard, origin)
        if self.now() - until < RECENT:  # another worker's: its next checkpoint covers the end
            found = await self._newer(shard, origin, found)
        return found

    async def _newer(self, shard: str, origin: str, found: Checkpoint | None) -> Checkpoint | None:
        directory, size = self.directory / shard, found.size if found else 0
        wanted = size + await asyncio.to_thread(records_from, directory, size, "~")
        for _ in range(int(self.patience / POLL)):
            if found is not None and found.size >= wanted:
                break
            await asyncio.sleep(POLL)
            found = await asyncio.to_thread(checkpoints.read, directory, origin)
        return found

    async def inclusions(
        self, caller: Caller, call: ReadCall, shard: str, size: int, sequences: Sequence[int]
    ) -> list[Sequence[bytes]]:
        """Inclusion proofs of records in a shard of that size; raises REQUEST_MALFORMED, AUDIT_RECORD_NOT_FOUND."""
        async with self.recorder.attempt(caller, _facts("get-inclusions", call)):
            check_call(call)
            if len(sequences) > MOST:
                raise _malformed("sequences", f"has {len(sequences)} records, at most {MOST} are taken")
            here = await asyncio.to_thread(shards_of, self.directory)
            known = self.log.sequence if shard == self.log.shard else None
            if shard not in here or not all(0 < one <= size for one in sequences):
                raise SignerdError(
                    Reason.AUDIT_RECORD_NOT_FOUND,
                    f"shard {shard[:64]!r} has not all these records in its first {size}",
                    field="sequences",
                )
            if known is not None and size > known:
                raise _malformed("size", f"is {size}, the log has {known} records")
            own = self.log.end if shard == self.log.shard else None
            return await asyncio.to_thread(paths_of, self.directory / shard, size, sequences, own)

    async def granted(self, caller: Caller, call: ReadCall) -> Sequence[Grant]:
        """Who may do what."""
        async with self.recorder.attempt(caller, _facts("list-grants", call)):
            check_call(call)
            return self.grants

    async def seal(self, caller: Caller, call: ReadCall, digest: str, since: str, until: str) -> int:
        """Put the digest of a folder on record; its sequence. Raises REQUEST_MALFORMED, AUDIT_UNAVAILABLE."""
        check_call(call)
        if not _DIGEST.fullmatch(digest):
            raise _malformed("digest", "is not sha256:HEX")
        for field_, text in (("since", since), ("until", until)):
            if not _TIME.fullmatch(text):
                raise _malformed(field_, "is not a time such as 2026-01-31T00:00:00Z")
        record = Record(
            operation=OPERATION,
            outcome="ok",
            caller=caller.subject,
            proof=caller.proof,
            listener=caller.listener,
            peer=caller.peer,
            digest=digest,
            detail=f"evidence from {since} to {until}",
            request_id=call.request_id,
            traceparent=call.traceparent,
            revision=self.recorder.revision(),
        )
        ticket = self.log.append(record)
        await ticket.durable
        return ticket.sequence


def check_period(since: datetime, until: datetime, now: datetime) -> None:
    """Raise REQUEST_MALFORMED unless the period has a length and is over."""
    if since >= until:
        raise _malformed("until", "is not after since")
    if until > now:
        raise _malformed("until", "is in the future; the records of the period are not all there yet")


def period_of(
    directory: Path, checkpoint: Checkpoint, moments: tuple[str, str], own: End | None = None
) -> Period:
    """Heads of a shard at two moments, as far as a checkpoint covers them. Raises AUDIT_CORRUPT, OSError."""
    nodes = Nodes(directory, own)
    pruned = minimum_index(directory)
    begin, end = (records_before(directory, moment, checkpoint.size, own) for moment in moments)
    behind = records_from(directory, checkpoint.size, moments[1], own) if end == checkpoint.size else 0
    return Period(
        directory.name,
        checkpoint.origin,
        begin=_head(nodes, begin, checkpoint.size),
        end=_head(nodes, end, checkpoint.size),
        unproven=behind,
        checkpoint=checkpoint.note,
        pruned=pruned,
    )


def paths_of(
    directory: Path, size: int, sequences: Sequence[int], own: End | None = None
) -> list[Sequence[bytes]]:
    """Inclusion proofs of records; tiles are read once. Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND, OSError."""
    nodes = Nodes(directory, own)
    return [nodes.path(sequence - 1, 0, size) for sequence in sequences]


def _head(nodes: Nodes, size: int, newest: int) -> Head:
    proof = nodes.subproof(size, 0, newest, whole=True) if size else []
    return Head(size, nodes.mth(0, size), proof)


def shards_of(directory: Path) -> list[str]:
    """Names of the shards whose records are on this machine. Raises OSError."""
    return [one.name for one in directory.iterdir() if SHARD.fullmatch(one.name) and one.is_dir()]


def _facts(operation: str, call: ReadCall) -> Facts:
    return Facts(operation, "", 0, call.request_id, call.traceparent)


def _malformed(field_: str, problem: str) -> SignerdError:
    return SignerdError(Reason.REQUEST_MALFORMED, f"{field_} {problem}", field=field_)
