"""An HTTP server that keeps the events it takes, and can be stopped, hung and started again on its port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.support.daemons import free_port


class Collector:
    """Takes batches unless `status` says otherwise; hangs while `hung` is set."""

    def __init__(self) -> None:
        self.port = free_port()
        self.records: list[bytes] = []
        self.status = 204
        self.hung = False
        self._released = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def sequences(self) -> set[int]:
        return {json.loads(record)["sequence"] for record in self.records}

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            self._released.set()
            await self._runner.cleanup()
            self._runner = None

    def release(self) -> None:
        self.hung = False
        self._released.set()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.hung:
            await self._released.wait()
            return web.Response(status=503)
        if self.status < 300:
            for part in body.split(b',"data":')[1:]:
                self.records.append(part[: part.index(b"}") + 1])
        return web.Response(status=self.status)


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    await collector.start()
    try:
        yield collector
    finally:
        await collector.stop()
