"""Changes that are under way: they go on to their end even if the caller goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Generic, TypeVar

from signerd.errors import Reason, SignerdError

MOST_UNDER_WAY = 32
Result = TypeVar("Result")


class Tasks(Generic[Result]):
    """A bounded number of changes."""

    def __init__(self, most: int = MOST_UNDER_WAY) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[Result]] = set()

    async def run(self, change: Coroutine[None, None, Result]) -> Result:
        """Run a change; if the one who waits is cancelled it goes on. Raises OVERLOADED."""
        if len(self._tasks) >= self._most:
            change.close()
            raise SignerdError(Reason.OVERLOADED, "too many keys are being changed", retry_after=1.0)
        task = asyncio.create_task(change)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Result]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # on record; the caller may be gone

    async def settle(self) -> None:
        """Wait for the changes whose callers went away."""
        if self._tasks:
            await asyncio.wait(self._tasks)
