"""One sink at work: the next records, their delivery within its time limit, patience after a failure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from signerd.config_sinks import SinkSection
from signerd.errors import SignerdError
from signerd.sinks.base import Entry, Sender, TooLarge, Unaccepted
from signerd.sinks.stream import MOST_RECORDS, Stream

GATHER: Final = 0.05
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
LONGEST_PAUSE_REQUIRED: Final = 1.0
LONGEST_RETRY_AFTER: Final = 300.0
_LONGEST_DETAIL: Final = 200
_LAST_LOOKS: Final = 0.01
logger = structlog.get_logger(__name__)


class Gap(NamedTuple):
    """Records that a sink does not get, and why."""

    sink: str
    first: int
    last: int
    why: str

    @property
    def records(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a delivery tells: `moved` that the sink has more, `left_out` of a gap, done when that is on record."""

    moved: Callable[[], None]
    left_out: Callable[[Gap], Awaitable[None]]


class Delivery:
    """Follows a stream for one sink. `detail` is what is wrong, empty if nothing is known to be."""

    def __init__(
        self, section: SinkSection, sender: Sender, stream: Stream, position: int, told: Told
    ) -> None:
        self.section = section
        self.position = position
        self.detail = ""
        self.delivered = self.dropped = self.failures = 0
        self._sender = sender
        self._stream = stream
        self._told = told
        self._batch = MOST_RECORDS
        self._news = asyncio.Event()
        self._pause = FIRST_PAUSE

    @property
    def lag(self) -> int:
        """How many durable records the sink does not have yet."""
        return self._stream.newest - self.position

    def wake(self) -> None:
        """There are new records."""
        self._news.set()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            try:
                await self._step()
            except (OSError, Unaccepted, SignerdError) as problem:
                await self._failed(problem)
            except Exception as problem:
                logger.exception("defect in a sink", sink=self.section.name)
                await self._failed(problem)

    async def _step(self) -> None:
        await self._gather()
        if self.lag > self.section.queue and not self.section.required:
            # Half, so that the next record does not make a gap of its own.
            await self._leave_out(self._stream.newest - self.section.queue // 2, "it is too far behind")
        entries = await self._stream.after(self.position)
        if not entries:
            raise Unaccepted("the log does not give the records that it has")
        if entries[0].sequence > self.position + 1:
            await self._leave_out(entries[0].sequence - 1, "they were removed from the log")
        await self._deliver(entries[: self._batch])

    async def _gather(self) -> None:
        """Wait for records; where nobody waits for the sink, for many."""
        while not self.lag:
            self._news.clear()
            await self._news.wait()
        if not self.section.required and self.lag < MOST_RECORDS:
            await asyncio.sleep(GATHER)

    async def _deliver(self, entries: list[Entry]) -> None:
        try:
            async with asyncio.timeout(self.section.timeout):
                await self._sender.send(entries)
        except TooLarge as problem:
            await self._split(entries, problem)
            return
        self._batch = min(2 * self._batch, MOST_RECORDS)
        self.delivered += len(entries)
        self._move(entries[-1].sequence)

    async def _split(self, entries: list[Entry], problem: TooLarge) -> None:
        """Deliver less at once; a single record that is too large is left out, unless the sink must have it."""
        if len(entries) > 1:
            self._batch = len(entries) // 2
        elif self.section.required:
            raise problem
        else:
            await self._leave_out(entries[0].sequence, str(problem))

    async def _leave_out(self, last: int, why: str) -> None:
        gap = Gap(self.section.name, self.position + 1, last, why)
        await self._told.left_out(gap)
        self.dropped += gap.records
        self.position = last

    def _move(self, position: int) -> None:
        if self.detail:
            logger.info("sink takes records again", sink=self.section.name)
        self.position, self.detail, self._pause = position, "", FIRST_PAUSE
        self._told.moved()

    async def _failed(self, problem: Exception) -> None:
        self.failures += 1
        detail = describe(problem, self.section.timeout)
        if not self.detail:
            logger.error("sink takes no records", sink=self.section.name, detail=detail)
        self.detail = detail
        wanted = problem.retry_after if isinstance(problem, Unaccepted) else 0.0
        pause = max(self._pause, min(wanted, LONGEST_RETRY_AFTER))
        longest = LONGEST_PAUSE_REQUIRED if self.section.required else LONGEST_PAUSE
        self._pause = min(2 * self._pause, longest)
        await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311  (workers should not come together)

    async def finish(self) -> None:
        """Wait until the sink has everything, no longer than one delivery may take, and not while it takes nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.section.timeout):
                while self.lag and not self.detail:  # noqa: ASYNC110  (only at the end of the process)
                    await asyncio.sleep(_LAST_LOOKS)

    async def close(self) -> None:
        """Give connections and files free."""
        await self._sender.close()

    def reopen(self) -> None:
        """A file was rotated, a certificate renewed."""
        self._sender.reopen()


def describe(problem: Exception, seconds: float) -> str:
    """A failure in a few words."""
    if isinstance(problem, SignerdError):
        return problem.message[:_LONGEST_DETAIL]
    if isinstance(problem, TimeoutError):
        return f"it did not take the records within {seconds:g} s"
    if isinstance(problem, OSError | Unaccepted):
        text = getattr(problem, "verify_message", "") or getattr(problem, "strerror", "") or str(problem)
        return text[:_LONGEST_DETAIL] or type(problem).__name__
    return "an internal error; see the daemon's log"
