"""Calls to Cloud KMS: time limits, and errors turned into SignerdError.

Calls go straight to the methods of the SDK's channels: the SDK's client adds 0.2 ms of CPU to each. Its retries are
left out with it; the guard retries.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Health
from signerd.providers.gcp_kms.channels import Call, Channels
from signerd.providers.gcp_kms.failures import failure, status_of

PAGE = 1000
_TROUBLE = (Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT, Reason.PROVIDER_DENIED)
_OF_ONE = ("PERMISSION_DENIED", "FAILED_PRECONDITION")
"""Answers about one key, which may be fine for the next."""


class Calls:
    """Calls of one provider.

    `seconds` limits each call; `concurrent` says for how many calls at once there must be connections.
    """

    def __init__(
        self, name: str, *, endpoint: str | None, plaintext: bool, seconds: float, concurrent: int
    ) -> None:
        from google.cloud import kms_v1

        self.messages = kms_v1
        self.name = name
        client = kms_v1.KeyManagementServiceAsyncClient
        self._channels = Channels(client, endpoint=endpoint, plaintext=plaintext, concurrent=concurrent)
        self.seconds = seconds
        self._methods: dict[str, Callable[[], Call]] = {}
        self._trouble = ""

    def health(self) -> Health:
        """Whether the API is there and knows us, as far as the last calls tell."""
        return Health(healthy=not self._trouble, detail=self._trouble or str(self._channels))

    async def call(self, method: str, request: Any, routed_by: str) -> Any:
        """Make a call; the request is a message of `google.cloud.kms_v1`, the answer the bare protobuf one.

        `routed_by` is the request's field that names the resource.
        """
        wanted = type(request).pb(request)
        value = wanted
        for part in routed_by.split("."):
            value = getattr(value, part)
        metadata = routing(routed_by, str(value))
        return await self.raw(method, wanted, metadata, answer=_ANSWERS[method])

    async def raw(self, method: str, request: Any, metadata: Any, answer: str) -> Any:
        """Make a call with a bare protobuf message and prepared metadata."""
        try:
            next_call = self._methods.get(method) or await self._method(method, type(request), answer)
            found = await next_call()(request, timeout=self.seconds, metadata=metadata)
        except SignerdError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever SDK, credentials and gRPC raise
            wrong = failure(self.name, error)
            if wrong.reason in _TROUBLE and status_of(error) not in _OF_ONE:
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
        self._methods = {}
        await self._channels.close()

    async def _method(self, method: str, request: Any, answer: str) -> Callable[[], Call]:
        read = getattr(self.messages, answer).pb().FromString
        async with asyncio.timeout(self.seconds):
            found = await self._channels.method(method, request.SerializeToString, read)
        self._methods[method] = found
        return found


def routing(field: str, value: str) -> tuple[tuple[str, str], ...]:
    """Metadata that the API's front ends route by (https://google.aip.dev/client-libraries/4222)."""
    return (("x-goog-request-params", f"{field}={quote(value, safe='/')}"),)


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
