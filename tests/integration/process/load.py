"""Callers that never stop asking for signatures, and keep what they were told."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from signerd.client import AsyncClient, SignerdError, sign_request
from tests.integration.process.daemons import Daemon, until_async
from tests.integration.process.records import Acknowledged, acknowledged

BATCH = 20


@dataclass(slots=True)
class Load:
    """Unary, coalesced and batch callers of one key."""

    client: AsyncClient
    key: str
    told: list[Acknowledged] = field(default_factory=list)
    refused: list[SignerdError] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def reasons(self) -> Counter[str]:
        return Counter(error.reason.name for error in self.refused)

    def begin(self, unary: int, batches: int) -> None:
        jobs: list[Coroutine[None, None, None]] = [self._unary() for _ in range(unary)]
        jobs += [self._batches() for _ in range(batches)]
        self._tasks = [asyncio.create_task(job) for job in jobs]

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if not isinstance(outcome, asyncio.CancelledError):
                assert outcome is None, outcome

    async def reached(self, count: int) -> None:
        """Wait until so many signatures in all were acknowledged."""
        await until_async(lambda: self._working() and len(self.told) >= count)

    def _working(self) -> bool:
        for task in self._tasks:
            if task.done():
                task.result()
        return True

    async def _unary(self) -> None:
        while True:
            number = next(self._numbers)
            request_id = f"unary-{number}"
            try:
                answer = await self.client.sign(self.key, message=b"%d" % number, request_id=request_id)
            except SignerdError as error:
                await self._note(error)
            else:
                self.told.append(acknowledged(answer, request_id))

    async def _batches(self) -> None:
        while True:
            numbers = [next(self._numbers) for _ in range(BATCH)]
            items = [
                sign_request(self.key, message=b"%d" % number, request_id=f"item-{number}")
                for number in numbers
            ]
            try:
                answers = await self.client.sign_batch(items)
            except SignerdError as error:
                await self._note(error)
                continue
            for item, answer in zip(items, answers, strict=True):
                if isinstance(answer, SignerdError):
                    await self._note(answer)
                else:
                    self.told.append(acknowledged(answer, item.request_id))

    async def _note(self, error: SignerdError) -> None:
        self.refused.append(error)
        await asyncio.sleep(0.02)


@asynccontextmanager
async def under_load(daemon: Daemon, key: str, *, unary: int = 2, batches: int = 1) -> AsyncIterator[Load]:
    """Callers at work while the body runs."""
    async with daemon.async_client(timeout=10.0) as client:
        load = Load(client, key)
        load.begin(unary, batches)
        try:
            yield load
        finally:
            await load.end()
