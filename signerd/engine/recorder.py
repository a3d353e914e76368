"""Puts the outcome of every request on record: who asked, what was signed by which version, how it ended."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter_ns

import msgspec
import structlog

from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.authz.identity import Caller
from signerd.core.inputs import SigningInput
from signerd.engine.keyring import SigningVersion
from signerd.engine.payloads import described
from signerd.errors import Reason, SignerdError
from signerd.telemetry import Telemetry

logger = structlog.get_logger(__name__)


class Facts(msgspec.Struct):
    """What is known of a request; filled in as it goes, written whatever happens.

    `error` is why there is nothing to answer. `sequence` is the place of the record in the worker's log; what came of
    the request may be released once the future that `Recorder.append` gave is done.
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
    detail: str = ""
    error: SignerdError | None = None
    sequence: int = 0


@dataclass(slots=True)
class Recorder:
    """Writes records to the worker's audit log. `revision` gives the state revision that decides now."""

    log: Log
    telemetry: Telemetry
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

    def append(self, caller: Caller, ended: Sequence[Facts], started: int) -> asyncio.Future[None]:
        """Put the end of one or many on record; the future is done when all their records are durable.

        `started` is perf_counter_ns at the beginning. Raises AUDIT_UNAVAILABLE or OVERLOADED.
        """
        duration = (perf_counter_ns() - started) // 1000
        revision = self.revision()
        records = [record(caller, facts, duration, revision) for facts in ended]
        ticket = self.log.append_all(records)
        for sequence, facts in enumerate(ended, ticket.sequence):
            facts.sequence = sequence
            if facts.error is not None:
                facts.error.recorded = True
        self._count(records, ended)
        return ticket.durable

    def _count(self, records: Sequence[Record], ended: Sequence[Facts]) -> None:
        self.telemetry.count_requests([(one.operation, one.outcome, one.reason) for one in records])
        self.telemetry.count_signatures(
            [(one.by.provider.name, one.by.algorithm.name) for one in ended if one.signature and one.by]
        )


def record(caller: Caller, facts: Facts, duration: int, revision: int) -> Record:
    """The record of a request that has ended; `duration` in microseconds."""
    by, error = facts.by, facts.error
    return Record(
        algorithm=by.algorithm.name if by else "",
        caller=caller.subject,
        detail=facts.detail or (error.message if error else ""),
        digest=described(facts.signed) if facts.signed is not None else "",
        duration_us=duration,
        key=by.key.name if by else facts.key,
        key_id=by.key_id if by else "",
        listener=caller.listener,
        operation=facts.operation,
        outcome="ok" if error is None else "refused" if error.refused else "failed",
        payload_type=facts.payload_type,
        peer=caller.peer,
        proof=caller.proof,
        reason=error.reason.name if error else "",
        request_id=facts.request_id or secrets.token_hex(16),
        revision=revision,
        signature_sha256=hashlib.sha256(facts.signature).hexdigest() if facts.signature else "",
        traceparent=facts.traceparent,
        version=by.version.number if by else facts.version,
    )
