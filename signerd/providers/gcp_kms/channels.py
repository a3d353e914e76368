"""Connections to Cloud KMS: as many as calls under way need, those first that are up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import cycle
from typing import Any

STREAMS = 100
"""Calls that Google's front ends take at once on one connection."""

Call = Callable[..., Any]
"""A method of a channel: takes the request, `timeout` and `metadata`, gives something to await."""

_SERVICE = "/google.cloud.kms.v1.KeyManagementService/"
_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # a connection for each channel
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]


class Channels:
    """Channels to one endpoint, opened on the loop of the first call. `client` is the SDK's asynchronous client."""

    def __init__(self, client: Any, *, endpoint: str | None, plaintext: bool, concurrent: int) -> None:
        self._client = client
        self._endpoint = endpoint or f"{client.DEFAULT_ENDPOINT}:443"
        self._plaintext = plaintext
        self._wanted = -(-concurrent // STREAMS)
        self._opening: asyncio.Task[list[Any]] | None = None

    def __str__(self) -> str:
        return self._endpoint

    async def method(
        self, name: str, write: Callable[..., bytes], read: Callable[..., Any]
    ) -> Callable[[], Call]:
        """What picks, for each call, the method of a channel; `write` and `read` turn messages into bytes and back."""
        path = _SERVICE + name
        lanes = [
            (channel, channel.unary_unary(path, request_serializer=write, response_deserializer=read))
            for channel in await self._open()
        ]
        return _picker(lanes)

    async def _open(self) -> list[Any]:
        """The channels; who waits for them shares the work, which goes on if they give up."""
        task = self._opening
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._opening = asyncio.create_task(self._opened())
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Close the connections."""
        task, self._opening = self._opening, None
        if task is None or task.cancel() or task.cancelled() or task.exception() is not None:
            return
        for channel in task.result():
            await channel.close()

    async def _opened(self) -> list[Any]:
        if self._plaintext:
            from grpc import aio

            return [aio.insecure_channel(self._endpoint, _OPTIONS) for _ in range(self._wanted)]
        transport = self._client.get_transport_class("grpc_asyncio")
        credentials = await asyncio.to_thread(_credentials, transport.AUTH_SCOPES)
        return [
            transport.create_channel(self._endpoint, credentials=credentials, options=_OPTIONS)
            for _ in range(self._wanted)
        ]


def _picker(lanes: list[tuple[Any, Call]]) -> Callable[[], Call]:
    """One lane after the other, but not one that is down while others are up: each comes back in its own time."""
    from grpc import ChannelConnectivity

    down = (ChannelConnectivity.TRANSIENT_FAILURE, ChannelConnectivity.CONNECTING)
    turns = cycle(lanes)

    def pick() -> Call:
        for _ in lanes:
            channel, call = next(turns)
            if channel.get_state() not in down:
                return call
        return next(turns)[1]

    return pick


def _credentials(scopes: tuple[str, ...]) -> Any:
    """Application default credentials with a token, which is renewed ahead of its end. Blocking."""
    import google.auth
    from google.auth.transport.requests import Request

    credentials: Any = google.auth.default(scopes=scopes)[0]
    if hasattr(credentials, "with_non_blocking_refresh"):
        credentials.with_non_blocking_refresh()
    credentials.refresh(Request())
    return credentials
