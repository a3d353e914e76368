"""The watcher: tells of changes that any process made, and outlives restarts of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from signerd.errors import SignerdError
from signerd.state.database import Database

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0


class Watcher:
    """Calls `on_change` at the start, after each reconnection, and within a second of any change.

    `connected` and `detail` say how it is, for the status. What `on_change` raises as SignerdError shows there too,
    and is tried again.
    """

    def __init__(self, database: Database, on_change: Callable[[], Awaitable[object]]) -> None:
        self._database = database
        self._on_change = on_change
        self._delay = FIRST_DELAY
        self.connected = False
        self.detail = "not yet connected"

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._database.follow(self._changed)
            except SignerdError as error:
                self.connected, self.detail = False, error.message
            await asyncio.sleep(self._delay)
            self._delay = min(2 * self._delay, LONGEST_DELAY)

    async def _changed(self) -> None:
        await self._on_change()
        self.connected, self.detail = True, ""
        self._delay = FIRST_DELAY
