"""What evidence for auditors is made of: heads of a period, proofs in bulk, grants; and the record that seals it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from signerd.audit import checkpoints, notes
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.audit.seeking import records_from, stamp_of
from signerd.audit.segments import End
from signerd.authz.identity import Caller
from signerd.engine.directory import check_call
from signerd.engine.grants import Grant
from signerd.engine.periods import MOST, Period, Seal, bounded_entries, paths_of, period_of, sealed, shards_of
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError
from signerd.state.checkpoints import Checkpoints

P = ParamSpec("P")
T = TypeVar("T")
OPERATION: Final = "evidence"
PATIENCE: Final = 10.0
"""Seconds that a checkpoint is waited for that covers the end of the period."""
POLL: Final = 0.2
RECENT: Final = timedelta(minutes=1)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


@dataclass(slots=True)
class EvidenceReader:
    """Reads the shards below `directory`; `covering` gives a checkpoint of this worker's own, `now` is the clock.

    `quorum`: cosignatures that are waited for a while.
    """

    directory: Path
    log: Log
    recorder: Recorder
    state: Checkpoints
    covering: Callable[[int], Awaitable[Checkpoint]]
    grants: Sequence[Grant]
    now: Callable[[], datetime]
    quorum: int = 0
    patience: float = PATIENCE

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
            here = await _read(shards_of, self.directory)
            return [await self._period(name, name in here, since, until) for name in sorted({*kept, *here})]

    async def _period(self, shard: str, is_here: bool, since: datetime, until: datetime) -> Period:
        origin = checkpoints.origin(self.instance, shard)
        if not is_here:
            return Period(shard, origin, "its records are on another machine")
        moments = stamp_of(since), stamp_of(until)
        found = await self._checkpoint(shard, origin, until)
        if found is None:
            return Period(shard, origin, "no checkpoint covers its records")
        own = (
            self.log.end if shard == self.log.shard else None
        )  # by now it has all that the checkpoint covers
        return await _read(period_of, self.directory / shard, found, moments, own)

    async def _checkpoint(self, shard: str, origin: str, until: datetime) -> Checkpoint | None:
        if shard == self.log.shard:
            return await self._covered(self.log.sequence)
        found = await _read(checkpoints.read, self.directory / shard, origin)
        if self.now() - until < RECENT:  # another worker's: its next checkpoint covers the end
            found = await self._newer(shard, origin, found)
        return found

    async def _covered(self, size: int) -> Checkpoint:
        """A checkpoint of this worker's shard, cosigned if that is quick. Raises CHECKPOINT_UNAVAILABLE."""
        try:
            async with asyncio.timeout(self.patience):
                found = await self.covering(size)
        except TimeoutError:
            raise SignerdError(Reason.CHECKPOINT_UNAVAILABLE, retry_after=1.0) from None
        for _ in range(int(self.patience / POLL)):
            if cosignatures(found) >= self.quorum:
                break
            await asyncio.sleep(POLL)
            published = self.log.published
            found = published if published is not None and published.size >= size else found
        return found

    async def _newer(self, shard: str, origin: str, found: Checkpoint | None) -> Checkpoint | None:
        directory, size = self.directory / shard, found.size if found else 0
        wanted = size + await _read(records_from, directory, size, "~")
        for _ in range(int(self.patience / POLL)):
            if found is not None and found.size >= wanted:
                break
            await asyncio.sleep(POLL)
            found = await _read(checkpoints.read, directory, origin)
        return found

    async def entries(self, caller: Caller, call: ReadCall, shard: str, first: int, last: int) -> list[bytes]:
        """Records by their sequences, from the first on: at most 1,000, or 1 MiB. Raises AUDIT_RECORD_NOT_FOUND."""
        async with self.recorder.attempt(caller, _facts("get-entries", call)):
            check_call(call)
            own = await self._own(shard, first, last)
            return await _read(bounded_entries, self.directory / shard, first, last, own)

    async def inclusions(
        self, caller: Caller, call: ReadCall, shard: str, size: int, sequences: Sequence[int]
    ) -> list[Sequence[bytes]]:
        """Inclusion proofs of records in a shard of that size; raises REQUEST_MALFORMED, AUDIT_RECORD_NOT_FOUND."""
        async with self.recorder.attempt(caller, _facts("get-inclusions", call)):
            check_call(call)
            if not 0 < len(sequences) <= MOST:
                raise _malformed("sequences", f"has {len(sequences)} records, 1 to {MOST} are taken")
            await self._own(shard, min(sequences), max(sequences))
            own = await self._own(shard, max(sequences), size)
            return await _read(paths_of, self.directory / shard, size, sequences, own)

    async def _own(self, shard: str, first: int, last: int) -> End | None:
        """How far this worker's own shard is durable, None for another one that is here.

        Raises AUDIT_RECORD_NOT_FOUND where no such records can be.
        """
        is_own = shard == self.log.shard
        here = is_own or shard in await _read(shards_of, self.directory)
        if not here or not 0 < first <= last or (is_own and last > self.log.sequence):
            raise SignerdError(
                Reason.AUDIT_RECORD_NOT_FOUND,
                f"shard {shard[:64]!r} has no records {first} to {last} here",
                field="shard",
            )
        return self.log.end if is_own else None

    async def granted(self, caller: Caller, call: ReadCall) -> Sequence[Grant]:
        """Who may do what."""
        async with self.recorder.attempt(caller, _facts("list-grants", call)):
            check_call(call)
            return self.grants

    async def seal(self, caller: Caller, call: ReadCall, digest: str, since: str, until: str) -> Seal:
        """Put the digest of a folder on record, and prove that it is there.

        Raises REQUEST_MALFORMED, AUDIT_UNAVAILABLE, CHECKPOINT_UNAVAILABLE.
        """
        check_call(call)
        check_seal(digest, since, until)
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
        checkpoint = await self._covered(ticket.sequence)
        directory, end = self.directory / self.log.shard, self.log.end
        return await _read(sealed, directory, ticket.sequence, checkpoint, end)


async def _read(reader: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Run what reads files in a thread. Raises AUDIT_UNAVAILABLE, and what it does."""
    try:
        return await asyncio.to_thread(reader, *args, **options)
    except OSError as error:
        problem = f"the audit log can't be read: {error.strerror or error}"
        raise SignerdError(Reason.AUDIT_UNAVAILABLE, problem, retry_after=1.0) from None


def cosignatures(checkpoint: Checkpoint) -> int:
    """How many have signed a checkpoint besides the log."""
    return sum(one.name != checkpoint.origin for one in notes.parse(checkpoint.note).signatures)


def check_seal(digest: str, since: str, until: str) -> None:
    """Raise REQUEST_MALFORMED unless all are in their formats."""
    if not _DIGEST.fullmatch(digest):
        raise _malformed("digest", "is not sha256:HEX")
    for name, text in (("since", since), ("until", until)):
        if not _TIME.fullmatch(text):
            raise _malformed(name, "is not a time such as 2026-01-31T00:00:00Z")


def check_period(since: datetime, until: datetime, now: datetime) -> None:
    """Raise REQUEST_MALFORMED unless the period has a length and is over."""
    if since >= until:
        raise _malformed("until", "is not after since")
    if until > now:
        raise _malformed("until", "is in the future; the records of the period are not all there yet")


def _facts(operation: str, call: ReadCall) -> Facts:
    return Facts(operation, "", 0, call.request_id, call.traceparent)


def _malformed(field_: str, problem: str) -> SignerdError:
    return SignerdError(Reason.REQUEST_MALFORMED, f"{field_} {problem}", field=field_)
