"""The one file of the client that touches gRPC: channels, calls, and its errors as SignerdError."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from functools import partial
from itertools import cycle
from typing import Any

import grpc
import grpc.aio

from signerd.client.methods import Answer, Method, Request
from signerd.client.settings import Settings
from signerd.client.sockets import SocketGuard
from signerd.client.status import error_from_wire
from signerd.client.streaming import answer_of
from signerd.client.tokens import Bearer, read_credential
from signerd.errors import Reason, SignerdError

MIB = 1024 * 1024
DETAILS = "grpc-status-details-bin"
OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.use_local_subchannel_pool", 1),  # else the channels of a pool share one connection
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_receive_message_length", 16 * MIB),  # 1,000 signatures of ML-DSA-87
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.primary_user_agent", "signerd-client"),
)
KEEPALIVE: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)


def pool_size(settings: Settings, wanted: int | None) -> int:
    """Number of channels: one for a socket; two for TCP, where each may end at another worker."""
    return wanted or (1 if settings.endpoint.is_unix else 2)


class BlockingChannels:
    """A pool of channels for threads."""

    def __init__(self, settings: Settings, pool: int | None) -> None:
        self.socket = SocketGuard(settings.endpoint.path, settings.expected_uid)
        self._endpoint = settings.endpoint
        self._bearer = Bearer(settings.token, settings.token_file)
        secret, options = _prepared(settings)
        target = settings.endpoint.target
        self._channels = [
            grpc.secure_channel(target, secret, options) if secret else grpc.insecure_channel(target, options)
            for _ in range(pool_size(settings, pool))
        ]
        self._unary: dict[str, Callable[[], Callable[..., Any]]] = {}
        self._next = cycle(self._channels).__next__

    def call(self, method: Method[Request, Answer], request: Request, timeout: float) -> Answer:
        """One unary call; `timeout` in seconds."""
        try:
            send = self._unary[method.path]
        except KeyError:
            send = self._unary[method.path] = _rotating([_unary(one, method) for one in self._channels])
        try:
            answer: Answer = send()(request, timeout=timeout, metadata=self._bearer.metadata())
        except grpc.RpcError as error:
            raise self._translated(error) from None
        return answer

    def stream(self, method: Method[Request, Answer], requests: Iterator[Request], timeout: float) -> Answer:
        """One call with a stream of requests."""
        try:
            answer: Answer = self._stream(method)(requests, timeout=timeout, metadata=self._bearer.metadata())
        except grpc.RpcError as error:
            raise self._translated(error) from None
        return answer

    def start(self, method: Method[Request, Answer], requests: Iterator[Request], timeout: float) -> Any:
        """As `stream`, but a `grpc.Future` at once; its errors are gRPC's."""
        return self._stream(method).future(requests, timeout=timeout, metadata=self._bearer.metadata())

    def receive(self, method: Method[Request, Answer], request: Request) -> Generator[Answer, None, None]:
        """One call with a stream of answers; closing the generator ends it."""
        call = _answers(self._next(), method)(request, metadata=self._bearer.metadata())
        try:
            yield from call
        except grpc.RpcError as error:
            raise self._translated(error) from None
        finally:
            call.cancel()

    def close(self) -> None:
        """Close all channels; calls under way end as CANCELLED."""
        for channel in self._channels:
            channel.close()

    def _stream(self, method: Method[Request, Answer]) -> Any:
        return self._next().stream_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.answer.FromString,
        )

    def _translated(self, error: grpc.RpcError) -> SignerdError:
        return _translated(error, str(self._endpoint))


class AsyncChannels:
    """A pool of channels for one event loop; made inside it."""

    def __init__(self, settings: Settings, pool: int | None) -> None:
        self.socket = SocketGuard(settings.endpoint.path, settings.expected_uid)
        self._endpoint = settings.endpoint
        self._settings, self._pool = settings, pool
        self._streams: BlockingChannels | None = None
        self._bearer = Bearer(settings.token, settings.token_file)
        secret, options = _prepared(settings)
        target = settings.endpoint.target
        self._channels = [
            grpc.aio.secure_channel(target, secret, options)
            if secret
            else grpc.aio.insecure_channel(target, options)
            for _ in range(pool_size(settings, pool))
        ]
        self._unary: dict[str, Callable[[], Callable[..., Any]]] = {}
        self._next = cycle(self._channels).__next__

    async def call(self, method: Method[Request, Answer], request: Request, timeout: float) -> Answer:
        """One unary call; `timeout` in seconds."""
        try:
            send = self._unary[method.path]
        except KeyError:
            send = self._unary[method.path] = _rotating([_unary(one, method) for one in self._channels])
        try:
            answer: Answer = await send()(request, timeout=timeout, metadata=self._bearer.metadata())
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from None
        return answer

    async def stream(
        self, method: Method[Request, Answer], requests: AsyncGenerator[Request, None], timeout: float
    ) -> Answer:
        """One call with a stream of requests, over a connection of its own."""
        if self._streams is None:
            self._streams = BlockingChannels(self._settings, self._pool)
        self._streams.socket.check()
        start = partial(self._streams.start, method, timeout=timeout)
        try:
            answer: Answer = await answer_of(start, requests)
        except grpc.RpcError as error:
            raise self._translated(error) from None
        return answer

    async def receive(
        self, method: Method[Request, Answer], request: Request
    ) -> AsyncGenerator[Answer, None]:
        """One call with a stream of answers; closing the generator ends it."""
        call = _answers(self._next(), method)(request, metadata=self._bearer.metadata())
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from None
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close all channels; calls under way are cancelled."""
        if self._streams:
            self._streams.close()
        await asyncio.gather(*(channel.close() for channel in self._channels))

    def _translated(self, error: grpc.RpcError) -> SignerdError:
        return _translated(error, str(self._endpoint))


def _unary(channel: Any, method: Method[Any, Any]) -> Callable[..., Any]:
    made: Callable[..., Any] = channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.answer.FromString,
    )
    return made


def _answers(channel: Any, method: Method[Any, Any]) -> Callable[..., Any]:
    made: Callable[..., Any] = channel.unary_stream(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.answer.FromString,
    )
    return made


def _rotating(calls: list[Callable[..., Any]]) -> Callable[[], Callable[..., Any]]:
    only = calls[0]
    return cycle(calls).__next__ if len(calls) > 1 else lambda: only


def _prepared(settings: Settings) -> tuple[grpc.ChannelCredentials | None, list[tuple[str, int | str]]]:
    if settings.endpoint.is_unix:
        return None, list(OPTIONS)
    return _tls(settings), [*OPTIONS, *KEEPALIVE]


def _tls(settings: Settings) -> grpc.ChannelCredentials | None:
    if settings.insecure:
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=_pem(settings.ca, "ca"),
        private_key=_pem(settings.key_file, "key_file"),
        certificate_chain=_pem(settings.cert, "cert"),
    )


def _pem(path: str, field: str) -> bytes | None:
    return read_credential(path, field) if path else None


def _translated(error: grpc.RpcError, endpoint: str) -> SignerdError:
    trailers: Any = error.trailing_metadata() or ()
    packed = next((value for key, value in trailers if key == DETAILS), b"")
    details = error.details() or ""
    made = error_from_wire(error.code().value[0], details, packed if isinstance(packed, bytes) else b"")
    if made.reason is not Reason.DAEMON_UNREACHABLE:
        return made
    return SignerdError(made.reason, f"no answer from {endpoint}: {details}", field="endpoint")
