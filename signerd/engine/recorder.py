"""Puts the outcome of every request on record: who asked, what was signed by which version, how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter, perf_counter_ns, time
from typing import Final

import structlog

from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.authz.identity import DAEMON, Caller
from signerd.engine.budgets import Budgets, Rate
from signerd.engine.facts import INTENT, Facts, Intents, Request
from signerd.engine.refusals import COUNTED, Refusals, Window
from signerd.errors import Reason, SignerdError

__all__ = ["Facts", "Recorder"]
logger = structlog.get_logger(__name__)
REQUESTS: Final = frozenset(
    {INTENT, "sign", "sign-stream", "validate", "verify", "public-key", "get-key", "list-keys", "unknown"}
)
"""Operations of every day; all others are administration, which goes on while space is short."""
EVERY_DAY: Final = Rate(50_000.0, 100_000.0)
REFUSALS: Final = 600
TELL: Final = 1.0
"""Seconds between two looks for minutes that are over."""
SCARCE: Final = Rate(10.0, 100.0)
"""What one identity may put on record of administration while space is short."""


@dataclass(slots=True)
class Recorder:
    """Writes records to the worker's audit log. `revision` gives the state revision that decides now.

    `budgets` are what identities may put on record, `refusals` which refused requests have records of their own.
    """

    log: Log
    revision: Callable[[], int]
    budgets: Budgets = field(default_factory=lambda: Budgets(EVERY_DAY))
    refusals: Refusals = field(default_factory=lambda: Refusals(REFUSALS))
    _scarce: Budgets = field(default_factory=lambda: Budgets(SCARCE))

    def check(self) -> None:
        """Raise AUDIT_UNAVAILABLE while records can't be written."""
        if not self.log.healthy:
            raise SignerdError(Reason.AUDIT_UNAVAILABLE, self.log.detail, retry_after=1.0)

    def admit(self, caller: Caller, operation: str, records: int = 1) -> None:
        """Let a request in that makes so many records; raises AUDIT_UNAVAILABLE or RATE_LIMITED.

        While space is short only administration is let in, and little of it.
        """
        self.check()
        if caller is DAEMON:
            return
        budgets = self.budgets
        if self.log.scarce:
            self.log.check(administration=operation not in REQUESTS)
            budgets = self._scarce
        pause = budgets.take(caller.subject, records, perf_counter())
        if pause:
            raise limited(pause)

    def check_batch(self, caller: Caller) -> None:
        """Raise RATE_LIMITED for a caller whose batches are nothing but refusals."""
        self.refusals.check_batch(caller, time())

    def failure(self, problem: BaseException) -> SignerdError:
        """The error to answer with; what is not a SignerdError is a defect: logged, and shown as INTERNAL only."""
        if isinstance(problem, SignerdError):
            # Its frames hold the request, which holds the error: a flood of such rings would fill the memory.
            problem.__context__ = problem.__traceback__ = None
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
            self.admit(caller, facts.operation)
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

    async def intend(self, caller: Caller, items: Sequence[Facts]) -> None:
        """Put on record what is about to be asked of providers outside this process; returns when that is durable.

        Raises AUDIT_UNAVAILABLE or OVERLOADED: then nothing may be asked.
        """
        ticket = self.log.append(Intents(caller, items, 0, self.revision()), len(items))
        for sequence, facts in enumerate(items, ticket.sequence):
            facts.intent = sequence
        try:
            await ticket.durable
        except SignerdError:
            for facts in items:
                facts.intent, facts.intended = 0, None
            raise

    def append(self, caller: Caller, ended: Sequence[Facts], started: int) -> asyncio.Future[None]:
        """Put the end of one or many on record; the future is done when all their records are durable.

        `started` is perf_counter_ns at the beginning. Too many that came to nothing are counted.
        Raises AUDIT_UNAVAILABLE or OVERLOADED.
        """
        duration = (perf_counter_ns() - started) // 1000
        problems = [facts for facts in ended if facts.error is not None]
        if problems and caller is not DAEMON:
            ended = self._own_records(caller, ended)
            if not ended:
                return done()
        request = Request(caller, ended, duration, self.revision())
        ticket = self.log.append(request, len(ended), administration=self._is_kept_for(caller, ended[0]))
        for sequence, facts in enumerate(ended, ticket.sequence):
            facts.sequence = sequence
        for facts in problems:
            if facts.error is not None:
                facts.error.recorded = True
        return ticket.durable

    def _own_records(self, caller: Caller, ended: Sequence[Facts]) -> list[Facts]:
        """Those that get records of their own; the others are counted. Never one that signed, or may have."""
        now, kept = time(), []
        for facts in ended:
            error = facts.error
            if (
                error is None
                or facts.signature
                or facts.intent
                or self.refusals.take(caller, error.reason, now)
            ):
                kept.append(facts)
            else:
                error.recorded = error.counted = True
        return kept

    def _is_kept_for(self, caller: Caller, facts: Facts) -> bool:
        """Whether space that is kept for administration may be used: for the end of what was begun, too."""
        if not self.log.scarce or caller is DAEMON or facts.intent:
            return True
        error = facts.error
        turned_away = error is not None and (error.refused or error.reason is Reason.AUDIT_UNAVAILABLE)
        return facts.operation not in REQUESTS and not turned_away

    async def tell_counts(self, *, all_of_them: bool = False) -> None:
        """Put counted refusals on record: of the minutes that are over, or all. What can't be written is kept."""
        windows = self.refusals.ended(time(), all_of_them=all_of_them)
        try:
            while windows:
                window = windows.pop()
                try:
                    await self._tell(window)
                except SignerdError:
                    windows.append(window)
                    break
        finally:
            self.refusals.keep(windows)

    async def run(self) -> None:
        """Tell counts when their minute is over, until cancelled."""
        while True:
            await asyncio.sleep(TELL)
            await self.tell_counts()

    async def _tell(self, window: Window) -> None:
        caller = window.caller
        record = Record(
            caller=caller.subject,
            count=window.count,
            detail=window.detail,
            listener=caller.listener,
            operation=COUNTED,
            outcome="refused",
            peer=caller.peer,
            proof=caller.proof,
            revision=self.revision(),
        )
        await self.log.note(record)


def limited(pause: float) -> SignerdError:
    """The error of a caller that is over its budget."""
    return SignerdError(
        Reason.RATE_LIMITED,
        "this identity has used up its share of the audit log (audit.budget)",
        retry_after=max(pause, 0.1),
    )


def done() -> asyncio.Future[None]:
    """A future that is done."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
