"""Calls of Sign that wait at the same time, joined into BatchSign.

No timer gathers them: while requests are in flight, further calls wait and leave together. A call that finds nothing
under way goes at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from signerd.errors import Reason, SignerdError
from signerd.v1.signer_pb2 import SignRequest, SignResponse

Outcome = SignResponse | SignerdError
SendOne = Callable[[SignRequest, float], Awaitable[SignResponse]]
SendBatch = Callable[[list[SignRequest], float], Awaitable[list[Outcome]]]  # one outcome for each

MOST_BYTES = 1024 * 1024
SMALL = 32
TOO_MUCH = frozenset({Reason.REQUEST_TOO_LARGE, Reason.BATCH_SIZE_INVALID})


class Waiting(NamedTuple):
    """A call that waits for the next batch; `deadline` in seconds of the loop's clock."""

    request: SignRequest
    answer: asyncio.Future[SignResponse]
    deadline: float


class Coalescer:
    """Joins calls; `most` items in a batch, `flights` requests under way at once."""

    def __init__(self, send: SendOne, send_batch: SendBatch, most: int = 100, flights: int = 4) -> None:
        self._send = send
        self._send_batch = send_batch
        self._most = most
        self._free = flights
        self._room = MOST_BYTES
        self._flights = flights
        self._aloft = 0
        self._waiting: deque[Waiting] = deque()
        self._departure: asyncio.Handle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def sign(self, request: SignRequest, timeout: float) -> SignResponse:
        """Sign, alone or with others; a call that gives up or is cancelled does not disturb them."""
        if self._free == self._flights and not self._waiting:
            return await self._alone(request, timeout)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        answer: asyncio.Future[SignResponse] = loop.create_future()
        self._waiting.append(Waiting(request, answer, deadline))
        timer = loop.call_at(deadline, _expire, answer)
        self._plan(loop)
        try:
            return await answer
        finally:
            timer.cancel()

    async def close(self) -> None:
        """End what waits and what is under way as CANCELLED."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        error = SignerdError(Reason.CANCELLED, "the client was closed")
        _settle(list(self._waiting), [error] * len(self._waiting))
        self._waiting.clear()

    async def _alone(self, request: SignRequest, timeout: float) -> SignResponse:
        self._take_off(1)
        try:
            return await self._send(request, timeout)
        finally:
            self._land(1, asyncio.get_running_loop())

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        # At the end of this turn of the loop: calls made in the same turn leave together.
        if self._free and self._waiting and self._departure is None:
            self._departure = loop.call_soon(self._depart, loop)

    def _depart(self, loop: asyncio.AbstractEventLoop) -> None:
        self._departure = None
        # An equal part for each flight, of those in the air too: one that has nearly all leaves the daemon idle.
        share = max(SMALL, -(-(len(self._waiting) + self._aloft) // self._flights))
        while self._free and self._waiting:
            if batch := self._take(min(share, self._most)):
                self._take_off(len(batch))
                task = loop.create_task(self._fly(batch, loop))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _take(self, most: int) -> list[Waiting]:
        batch: list[Waiting] = []
        room = self._room
        while self._waiting and len(batch) < most:
            if self._waiting[0].answer.done():  # expired or cancelled meanwhile
                self._waiting.popleft()
                continue
            room -= self._waiting[0].request.ByteSize()
            if batch and room < 0:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _fly(self, batch: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        timeout = max(item.deadline for item in batch) - loop.time()
        outcomes: list[Outcome]
        try:
            outcomes = await self._outcomes(batch, timeout)
        except SignerdError as error:
            outcomes = [error] * len(batch)
        except asyncio.CancelledError:
            outcomes = [SignerdError(Reason.CANCELLED, "the client was closed")] * len(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, no caller may wait for ever
            outcomes = [SignerdError(Reason.INTERNAL, f"{type(error).__name__}: {error}")] * len(batch)
        self._land(len(batch), loop)
        _settle(batch, outcomes)

    async def _outcomes(self, batch: list[Waiting], timeout: float) -> list[Outcome]:
        if len(batch) == 1:
            return [await self._outcome(batch[0], timeout)]
        try:
            return await self._send_batch([item.request for item in batch], timeout)
        except SignerdError as error:
            if error.reason not in TOO_MUCH:
                raise
        # The daemon takes less than we thought; each call may fit by itself, and must not suffer from the others.
        self._room = max(1, self._room // 2)
        half = len(batch) // 2
        return [*await self._outcomes(batch[:half], timeout), *await self._outcomes(batch[half:], timeout)]

    async def _outcome(self, item: Waiting, timeout: float) -> Outcome:
        try:
            return await self._send(item.request, timeout)
        except SignerdError as error:
            return error

    def _take_off(self, calls: int) -> None:
        self._free -= 1
        self._aloft += calls

    def _land(self, calls: int, loop: asyncio.AbstractEventLoop) -> None:
        self._free += 1
        self._aloft -= calls
        self._plan(loop)


def _settle(batch: list[Waiting], outcomes: list[Outcome]) -> None:
    for item, outcome in zip(batch, outcomes, strict=True):
        if item.answer.done():
            continue
        if isinstance(outcome, SignerdError):
            item.answer.set_exception(_own(outcome))
        else:
            item.answer.set_result(outcome)


def _own(error: SignerdError) -> SignerdError:
    # One exception object raised in many tasks would gather all their tracebacks.
    return SignerdError(error.reason, error.message, field=error.field, retry_after=error.retry_after)


def _expire(answer: asyncio.Future[SignResponse]) -> None:
    if not answer.done():
        answer.set_exception(SignerdError(Reason.DEADLINE))
