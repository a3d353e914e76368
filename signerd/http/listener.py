"""uvicorn on sockets we bound, inside the running loop, with limits against slow and greedy clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from asyncio.transports import Transport
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from signerd.config import Http
from signerd.http.app import App
from signerd.sockets import bind_tcp, bind_unix

MAX_CONNECTIONS = 256
MAX_HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 30


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose request line and headers have a size and a time: uvicorn itself waits and collects for ever.

    Too many connections: the oldest goes, so that a health check gets through whoever holds the others.
    """

    since = 0.0
    head_bytes = 0
    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Make room for the connection and start the clock."""
        if len(self.connections) >= MAX_CONNECTIONS:
            oldest = min(
                (other for other in self.connections if isinstance(other, BoundedProtocol)), key=_since
            )
            self.connections.discard(oldest)
            oldest.transport.abort()
        super().connection_made(transport)
        self.since = self.loop.time()
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to no whole head yet."""
        if self.head_timer is None and self.cycle.response_complete:
            self._expect_head()
        super().data_received(data)
        if self.head_timer is not None:
            self.head_bytes += len(data)
            if self.head_bytes > MAX_HEAD_BYTES:
                self.transport.abort()

    def on_headers_complete(self) -> None:
        """The head is whole: what follows is the app's affair."""
        self._stop_timer()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self.head_bytes = 0
        self.head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_timer(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None


def _since(protocol: BoundedProtocol) -> float:
    return protocol.since


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(http: Http) -> socket.socket:
    """The socket that the configuration names, listening."""
    if http.unix is not None:
        return bind_unix(http.unix, 0o600)
    return bind_tcp(http.listen or "", "http.listen")


class HttpListener:
    """A running HTTP server."""

    def __init__(self, app: App, bound: socket.socket) -> None:
        self._bound = bound
        self._server = _Server(
            uvicorn.Config(
                cast(Any, app),
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve from now on."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._bound]), name="http")

    async def stop(self) -> None:
        """Finish what is under way, one second at most."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
