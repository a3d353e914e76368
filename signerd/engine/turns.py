"""Room for batches: so many items are under way at once, the others wait their turn, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Room for `places` items; a batch may not be larger than that."""

    def __init__(self, places: int) -> None:
        self.free = places
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def of(self, items: int) -> AsyncIterator[None]:
        """Have the room of a batch."""
        if self._waiting or items > self.free:
            await self._turn(items)
        else:
            self.free -= items
        try:
            yield
        finally:
            self._give_back(items)

    async def _turn(self, items: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(items)  # it came at the same moment
            raise

    def _give_back(self, items: int) -> None:
        self.free += items
        while self._waiting:
            wanted, turn = self._waiting[0]
            if not turn.done():
                if wanted > self.free:
                    return
                self.free -= wanted
                turn.set_result(None)
            self._waiting.popleft()
