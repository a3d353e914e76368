"""Calls to Cloud KMS: channels and credentials, time limits, and errors turned into SignerdError.

Calls go straight to the methods of the SDK's channels: the SDK's client adds 0.2 ms of CPU to each. Its retries are
left out with it; the guard retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import cycle
from typing import Any
from urllib.parse import quote

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Health
from signerd.providers.gcp_kms_failures import failure

STREAMS = 100
"""Calls that Google's front ends take at once on one connection."""

PAGE = 1000
_SERVICE = "/google.cloud.kms.v1.KeyManagementService/"
_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # a connection for each channel
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
_TROUBLE = (Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT, Reason.PROVIDER_DENIED)

Call = Callable[..., Any]
"""A method of a channel: takes the request, `timeout` and `metadata`, gives something to await."""


class Calls:
    """Calls of one provider. Channels are opened by the first call, on the loop that makes it.

    `seconds` limits each call; `concurrent` says for how many calls at once there must be connections.
    """

    def __init__(
        self, name: str, *, endpoint: str | None, plaintext: bool, seconds: float, concurrent: int
    ) -> None:
        from google.cloud import kms_v1

        self.messages = kms_v1
        self.name = name
        self._endpoint = endpoint or f"{kms_v1.KeyManagementServiceAsyncClient.DEFAULT_ENDPOINT}:443"
        self._plaintext = plaintext
        self._seconds = seconds
        self._connections = -(-concurrent // STREAMS)
        self._channels: list[Any] = []
        self._methods: dict[str, Callable[[], Call]] = {}
        self._opening: asyncio.Lock | None = None
        self._trouble = ""

    def health(self) -> Health:
        """How the last call ended."""
        return Health(healthy=not self._trouble, detail=self._trouble or self._endpoint)

    async def call(self, method: str, request: Any, routed_by: str) -> Any:
        """Make a call; request and answer are messages of `google.cloud.kms_v1`. Raises SignerdError."""
        wanted = type(request).pb(request)
        value = wanted
        for part in routed_by.split("."):
            value = getattr(value, part)
        metadata = routing(routed_by, str(value))
        return await self.raw(method, wanted, metadata, answer=_ANSWERS[method])

    async def raw(self, method: str, request: Any, metadata: Any, answer: str) -> Any:
        """Make a call with a bare protobuf message and prepared metadata; the answer is bare as well."""
        try:
            next_call = self._methods.get(method) or await self._method(method, type(request), answer)
            found = await next_call()(request, timeout=self._seconds, metadata=metadata)
        except SignerdError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever SDK, credentials and gRPC raise
            wrong = failure(self.name, error)
            if wrong.reason in _TROUBLE:
                self._trouble = wrong.message
            raise wrong from None
        self._trouble = ""
        return found

    async def rows(self, method: str, request: Any, field: str) -> AsyncIterator[Any]:
        """All rows of a list, page by page."""
        request.page_size = PAGE
        while True:
            answer = await self.call(method, request, "parent")
            for row in getattr(answer, field):
                yield row
            request.page_token = answer.next_page_token
            if not request.page_token:
                return

    async def close(self) -> None:
        """Close the connections."""
        channels, self._channels, self._methods = self._channels, [], {}
        for channel in channels:
            await channel.close()

    async def _method(self, method: str, request: Any, answer: str) -> Callable[[], Call]:
        """What gives a method of one channel after the other."""
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            self._channels = self._channels or await self._opened()
        read = getattr(self.messages, answer).pb().FromString
        calls = [
            channel.unary_unary(
                _SERVICE + method, request_serializer=request.SerializeToString, response_deserializer=read
            )
            for channel in self._channels
        ]
        found = self._methods[method] = cycle(calls).__next__
        return found

    async def _opened(self) -> list[Any]:
        if self._plaintext:
            from grpc import aio

            return [aio.insecure_channel(self._endpoint, _OPTIONS) for _ in range(self._connections)]
        transport: Any = self.messages.KeyManagementServiceAsyncClient.get_transport_class("grpc_asyncio")
        credentials = await asyncio.to_thread(_credentials, transport.AUTH_SCOPES)
        return [
            transport.create_channel(self._endpoint, credentials=credentials, options=_OPTIONS)
            for _ in range(self._connections)
        ]


def routing(field: str, value: str) -> tuple[tuple[str, str], ...]:
    """Metadata that the API's front ends route by (https://google.aip.dev/client-libraries/4222)."""
    return (("x-goog-request-params", f"{field}={quote(value, safe='/')}"),)


def _credentials(scopes: tuple[str, ...]) -> Any:
    """Application default credentials with a token, which is renewed ahead of its end. Blocking."""
    import google.auth
    from google.auth.transport.requests import Request

    credentials: Any = google.auth.default(scopes=scopes)[0]
    if hasattr(credentials, "with_non_blocking_refresh"):
        credentials.with_non_blocking_refresh()
    credentials.refresh(Request())
    return credentials


_ANSWERS = {
    "ListCryptoKeys": "ListCryptoKeysResponse",
    "GetCryptoKey": "CryptoKey",
    "CreateCryptoKey": "CryptoKey",
    "UpdateCryptoKey": "CryptoKey",
    "ListCryptoKeyVersions": "ListCryptoKeyVersionsResponse",
    "GetCryptoKeyVersion": "CryptoKeyVersion",
    "CreateCryptoKeyVersion": "CryptoKeyVersion",
    "UpdateCryptoKeyVersion": "CryptoKeyVersion",
    "DestroyCryptoKeyVersion": "CryptoKeyVersion",
    "GetPublicKey": "PublicKey",
    "AsymmetricSign": "AsymmetricSignResponse",
}
