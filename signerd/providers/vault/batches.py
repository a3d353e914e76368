"""Signatures with one key that come at the same time go in one HTTP request, which costs more than they do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from signerd.errors import SignerdError

LANES = 16
"""Requests under way with one key; what comes while all are busy is gathered."""
LARGEST = 32
"""Inputs of one request."""

_Use = TypeVar("_Use", bound=Hashable)
_Outcome = bytes | SignerdError
_Item = tuple[bytes, "asyncio.Future[bytes]"]


@dataclass(slots=True)
class _Queue:
    waiting: deque[_Item] = field(default_factory=deque)
    lanes: int = 0


class Batches(Generic[_Use]):
    """Gathers inputs by what they are signed with; `send` gives an outcome for each, or raises for all."""

    def __init__(self, send: Callable[[_Use, Sequence[bytes]], Awaitable[Sequence[_Outcome]]]) -> None:
        self._send = send
        self._queues: dict[_Use, _Queue] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def sign(self, use: _Use, given: bytes) -> bytes:
        """The signature of an input; an error of its own unless the whole request failed."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        queue = self._queues.setdefault(use, _Queue())
        queue.waiting.append((given, future))
        # One lane takes what comes in the same turn of the loop: no more of them than it needs are begun.
        if queue.lanes < LANES and len(queue.waiting) % LARGEST == 1:
            queue.lanes += 1
            lane = asyncio.create_task(self._run(use, queue))
            self._tasks.add(lane)
            lane.add_done_callback(self._tasks.discard)
        return await future

    def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()

    async def _run(self, use: _Use, queue: _Queue) -> None:
        """Send what waits until nothing does. No await stands between the last look and the end of the lane."""
        try:
            while batch := _next(queue.waiting):
                await self._send_all(use, batch)
        finally:
            queue.lanes -= 1
            if not queue.lanes:
                self._queues.pop(use, None)
                _cancel(queue.waiting)

    async def _send_all(self, use: _Use, batch: Sequence[_Item]) -> None:
        try:
            outcomes: Sequence[bytes | Exception] = await self._send(use, [given for given, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller gets it, whatever it is
            outcomes = [error] * len(batch)
        except asyncio.CancelledError:
            _cancel(batch)
            raise
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            _settle(future, outcome)


def _next(waiting: deque[_Item]) -> list[_Item]:
    """The oldest inputs whose callers have not gone away."""
    batch: list[_Item] = []
    while waiting and len(batch) < LARGEST:
        item = waiting.popleft()
        if not item[1].done():
            batch.append(item)
    return batch


def _cancel(items: Sequence[_Item] | deque[_Item]) -> None:
    for _, future in items:
        future.cancel()


def _settle(future: asyncio.Future[bytes], outcome: bytes | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, bytes):
        future.set_result(outcome)
    elif isinstance(outcome, SignerdError):
        # An error belongs to one request: what is noted on it there must not be seen by another.
        future.set_exception(
            SignerdError(
                outcome.reason, outcome.message, field=outcome.field, retry_after=outcome.retry_after
            )
        )
    else:
        future.set_exception(outcome)
