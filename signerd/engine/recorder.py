"""Puts the outcome of every request on record: who asked, what was signed by which version, how it ended."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from time import perf_counter_ns

import msgspec
import structlog
from msgspec.structs import replace

from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.authz.identity import Caller
from signerd.core.inputs import SigningInput
from signerd.engine.keyring import SigningVersion
from signerd.engine.payloads import described
from signerd.errors import Reason, SignerdError

logger = structlog.get_logger(__name__)


class Facts(msgspec.Struct):
    """What is known of a request; filled in as it goes, written whatever happens.

    `error` is why there is nothing to answer. `sequence` is the place in the worker's log; what came of the request
    may be released once the future that `Recorder.append` gave is done.
    """

    operation: str
    key: str = ""
    version: int = 0
    request_id: str = ""
    traceparent: str = ""
    by: SigningVersion | None = None
    payload_type: str = ""
    signed: SigningInput | None = None
    signature: bytes = b""
    error: SignerdError | None = None
    sequence: int = 0


@lru_cache(maxsize=1024)
def common_part(caller: Caller, by: SigningVersion | None, operation: str) -> Record:
    """What the records of a caller's requests with one version have in common; each is a copy of this."""
    return Record(
        algorithm=by.algorithm.name if by else "",
        caller=caller.subject,
        key=by.key.name if by else "",
        key_id=by.key_id if by else "",
        listener=caller.listener,
        operation=operation,
        outcome="ok",
        peer=caller.peer,
        proof=caller.proof,
        provider=by.provider.name if by else "",
        version=by.version.number if by else 0,
    )


class Request(msgspec.Struct):
    """One request that has ended, with the facts of each of its items; `duration_us` in microseconds."""

    caller: Caller
    items: Sequence[Facts]
    duration_us: int
    revision: int

    def records(self) -> list[Record]:
        """A record for each item."""
        made = []
        by, operation, common = None, "", None
        for facts in self.items:
            if common is None or facts.by is not by or facts.operation != operation:
                by, operation = facts.by, facts.operation
                common = common_part(self.caller, by, operation)
            record = replace(
                common,
                digest=described(facts.signed) if facts.signed is not None else "",
                duration_us=self.duration_us,
                request_id=facts.request_id or secrets.token_hex(16),
                revision=self.revision,
                signature_sha256=sha256(facts.signature).hexdigest() if facts.signature else "",
            )
            if facts.payload_type or facts.traceparent or facts.error or facts.by is None:
                self._complete(record, facts)
            made.append(record)
        return made

    def _complete(self, record: Record, facts: Facts) -> None:
        record.payload_type = facts.payload_type
        record.traceparent = facts.traceparent
        if facts.by is None:
            record.key, record.version = facts.key, facts.version
        if facts.error is not None:
            record.outcome = "refused" if facts.error.refused else "failed"
            record.reason = facts.error.reason.name
            record.detail = facts.error.message


@dataclass(slots=True)
class Recorder:
    """Writes records to the worker's audit log. `revision` gives the state revision that decides now."""

    log: Log
    revision: Callable[[], int]

    def check(self) -> None:
        """Raise AUDIT_UNAVAILABLE while records can't be written."""
        if not self.log.healthy:
            raise SignerdError(Reason.AUDIT_UNAVAILABLE, self.log.detail, retry_after=1.0)

    def failure(self, problem: BaseException) -> SignerdError:
        """The error to answer with; what is not a SignerdError is a defect: logged, and shown as INTERNAL only."""
        if isinstance(problem, SignerdError):
            return problem
        if isinstance(problem, asyncio.CancelledError):
            return SignerdError(Reason.CANCELLED)
        logger.error("unexpected error", exc_info=problem)
        return SignerdError(Reason.INTERNAL)

    @asynccontextmanager
    async def attempt(self, caller: Caller, facts: Facts) -> AsyncIterator[None]:
        """Run a request; leave only when its record, whatever the outcome, is durable."""
        started = perf_counter_ns()
        try:
            self.check()
            yield
        except BaseException as problem:
            facts.error = self.failure(problem)
            durable = self.append(caller, (facts,), started)
            if isinstance(problem, asyncio.CancelledError):
                raise
            await durable
            raise facts.error from None
        await self.append(caller, (facts,), started)

    async def note(self, caller: Caller, facts: Facts) -> None:
        """Put one thing on record; returns when that is durable."""
        await self.append(caller, (facts,), perf_counter_ns())

    def append(self, caller: Caller, ended: Sequence[Facts], started: int) -> asyncio.Future[None]:
        """Put the end of one or many on record; the future is done when all their records are durable.

        `started` is perf_counter_ns at the beginning. Raises AUDIT_UNAVAILABLE or OVERLOADED.
        """
        duration = (perf_counter_ns() - started) // 1000
        ticket = self.log.append(Request(caller, ended, duration, self.revision()), len(ended))
        for sequence, facts in enumerate(ended, ticket.sequence):
            facts.sequence = sequence
            if facts.error is not None:
                facts.error.recorded = True
        return ticket.durable
