"""The asyncio client."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Self, Unpack

from signerd.client import methods
from signerd.client.answers import outcomes_of, stream_timeout
from signerd.client.arguments import (
    AdoptOptions,
    CallOptions,
    ImportOptions,
    KeyOptions,
    PageOptions,
    PublicKeyOptions,
    SignOptions,
    StreamOptions,
    VerifyOptions,
)
from signerd.client.audit_aio import AsyncAudit
from signerd.client.channels import AsyncChannels
from signerd.client.checksums import check_checksum
from signerd.client.chunks import AsyncSource, async_chunks_of, length_of
from signerd.client.coalescing import Coalescer
from signerd.client.methods import Answer, Method, Request
from signerd.client.requests import Requests
from signerd.client.retries import Backoff
from signerd.client.settings import Settings, settings_from
from signerd.errors import SignerdError
from signerd.v1.admin_pb2 import GetStatusResponse, RotateLogKeyResponse
from signerd.v1.keys_pb2 import (
    AdoptKeyResponse,
    CheckKeysResponse,
    CreateKeyResponse,
    DiscoverKeysResponse,
    GetKeyResponse,
    ImportKeyResponse,
    ListKeysResponse,
)
from signerd.v1.providers_pb2 import ListProvidersResponse, Provider
from signerd.v1.signer_pb2 import (
    PublicKeyResponse,
    SignRequest,
    SignResponse,
    SignStreamHeader,
    SignStreamRequest,
    VerifyResponse,
)


class AsyncClient:
    """A connection to a daemon for one event loop; made inside it, `async with` closes it.

    As `Client`; besides, calls of `sign` that wait at the same time are joined into batches of at most `batch`
    items, unless `coalesce` is False.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        timeout: float = 10.0,
        checksums: bool = False,
        backoff: Backoff | None = None,
        pool: int | None = None,
        coalesce: bool = True,
        batch: int = 100,
    ) -> None:
        self._channels = AsyncChannels(settings or settings_from(os.environ), pool)
        self._requests = Requests(checksums)
        self._backoff = backoff or Backoff()
        self._timeout = timeout
        self.audit = AsyncAudit(self)
        self._coalescer = Coalescer(self._sign_one, self._sign_many, batch) if coalesce else None
        self._sign = self._coalescer.sign if self._coalescer else self._sign_one

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        if self._coalescer:
            await self._coalescer.close()
        await self._channels.close()

    @property
    def revision(self) -> int:
        """The newest state revision that this client has seen; 0 at first."""
        return self._requests.revision

    def remember(self, revision: int) -> None:
        """Let later requests see at least this state revision, of another client for example."""
        self._requests.remember(revision)

    async def sign(
        self, key: str, *, timeout: float | None = None, **options: Unpack[SignOptions]
    ) -> SignResponse:
        """Sign one input."""
        request = self._requests.sign(key, **options)
        return check_checksum(request, await self._repeat(self._sign, request, timeout))

    async def sign_batch(
        self, items: Iterable[SignRequest], *, timeout: float | None = None
    ) -> list[SignResponse | SignerdError]:
        """Sign 1 to 1,000 items, made by `sign_request`; a result or an error for each, in their order."""
        requests = [self._requests.complete(item) for item in items]
        answer = await self._call(methods.BATCH_SIGN, self._requests.batch(requests), timeout)
        return outcomes_of(requests, answer)

    async def sign_stream(
        self,
        key: str,
        source: AsyncSource,
        *,
        length: int | None = None,
        timeout: float | None = None,
        **options: Unpack[StreamOptions],
    ) -> SignResponse:
        """Sign a file or chunks in constant memory; never repeated. The default timeout grows with the length."""
        size = length_of(source, length)
        header = self._requests.stream_header(key, size, **options)
        end = time.monotonic() + (stream_timeout(self._timeout, size) if timeout is None else timeout)
        await self._await_socket(end - time.monotonic())
        parts = _parts(header, source)
        return (await self._channels.stream(methods.SIGN_STREAM, parts, end - time.monotonic())).response

    async def verify(
        self,
        key: str,
        signature: bytes,
        *,
        timeout: float | None = None,
        **options: Unpack[VerifyOptions],
    ) -> VerifyResponse:
        """Verify one signature; raises SIGNATURE_MISMATCH where it does not. `version` 0 tries all that verify."""
        return await self._call(methods.VERIFY, self._requests.verify(key, signature, **options), timeout)

    async def public_key(
        self, key: str, *, timeout: float | None = None, **options: Unpack[PublicKeyOptions]
    ) -> PublicKeyResponse:
        """Public key of one version, or of all that verify."""
        return await self._call(methods.PUBLIC_KEY, self._requests.public_key(key, **options), timeout)

    async def create_key(
        self, name: str, *, timeout: float | None = None, **options: Unpack[KeyOptions]
    ) -> CreateKeyResponse:
        """Make a key with its first version."""
        answer = await self._call(methods.CREATE_KEY, self._requests.create_key(name, **options), timeout)
        self._requests.remember(answer.revision)
        return answer

    async def import_key(
        self, name: str, private_key: bytes, *, timeout: float | None = None, **options: Unpack[ImportOptions]
    ) -> ImportKeyResponse:
        """Take a private key (PEM) as the first version of a new key."""
        request = self._requests.import_key(name, private_key, **options)
        answer = await self._call(methods.IMPORT_KEY, request, timeout)
        self._requests.remember(answer.revision)
        return answer

    async def adopt_key(
        self, name: str, uri: str, *, timeout: float | None = None, **options: Unpack[AdoptOptions]
    ) -> AdoptKeyResponse:
        """Take over key material that exists at a provider, as a new key with its version history."""
        request = self._requests.adopt_key(name, uri, **options)
        answer = await self._call(methods.ADOPT_KEY, request, timeout)
        self._requests.remember(answer.revision)
        return answer

    async def discover_keys(
        self, provider: str = "", *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> DiscoverKeysResponse:
        """Signing keys at a provider that no key of signerd uses."""
        request = self._requests.discover_keys(provider, **options)
        return await self._call(methods.DISCOVER_KEYS, request, timeout)

    async def check_keys(
        self, names: Iterable[str] = (), *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> CheckKeysResponse:
        """Have keys sign something, all of them without names: a finding for each version."""
        return await self._call(methods.CHECK_KEYS, self._requests.check_keys(names, **options), timeout)

    async def list_providers(
        self, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> ListProvidersResponse:
        """All providers, by name."""
        return await self._call(methods.LIST_PROVIDERS, self._requests.list_providers(**options), timeout)

    async def get_provider(
        self, name: str, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> Provider:
        """One provider with what it can do."""
        request = self._requests.get_provider(name, **options)
        return (await self._call(methods.GET_PROVIDER, request, timeout)).provider

    async def get_key(
        self, name: str, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> GetKeyResponse:
        """One key with its versions."""
        return await self._call(methods.GET_KEY, self._requests.get_key(name, **options), timeout)

    async def list_keys(
        self, *, timeout: float | None = None, **options: Unpack[PageOptions]
    ) -> ListKeysResponse:
        """A page of keys, by name."""
        return await self._call(methods.LIST_KEYS, self._requests.list_keys(**options), timeout)

    async def rotate_log_key(
        self, *, lost: bool = False, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> RotateLogKeyResponse:
        """Make a new version of the key that signs the audit log's checkpoints; `lost`: the one before can't sign."""
        request = self._requests.rotate_log_key(lost=lost, **options)
        answer = await self._call(methods.ROTATE_LOG_KEY, request, timeout)
        self._requests.remember(answer.revision)
        return answer

    async def status(
        self, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> GetStatusResponse:
        """How the daemon is."""
        return await self._call(methods.GET_STATUS, self._requests.get_status(**options), timeout)

    async def call(
        self, method: Method[Request, Answer], request: Request, *, timeout: float | None = None
    ) -> Answer:
        """Any unary method of the API, with a request as its proto has it."""
        return await self._call(method, request, timeout)

    async def receive(
        self, method: Method[Request, Answer], request: Request
    ) -> AsyncGenerator[Answer, None]:
        """Any method of the API that answers with a stream; has no deadline, and is never repeated."""
        await self._await_socket(self._timeout)
        async with aclosing(self._channels.receive(method, request)) as coming:
            async for answer in coming:
                yield answer

    async def _call(self, method: Method[Request, Answer], request: Request, timeout: float | None) -> Answer:
        return await self._repeat(partial(self._channels.call, method), request, timeout)

    async def _repeat(
        self, send: Callable[[Request, float], Awaitable[Answer]], request: Request, timeout: float | None
    ) -> Answer:
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        await self._await_socket(end - time.monotonic())
        attempt = 1
        while True:
            try:
                return await send(request, end - time.monotonic())
            except SignerdError as error:
                pause = self._backoff.pause(error, attempt, end - time.monotonic())
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _await_socket(self, timeout: float) -> None:
        for pause in self._channels.socket.pauses(timeout):
            await asyncio.sleep(pause)

    async def _sign_one(self, request: SignRequest, timeout: float) -> SignResponse:
        return await self._channels.call(methods.SIGN, request, timeout)

    async def _sign_many(
        self, requests: list[SignRequest], timeout: float
    ) -> list[SignResponse | SignerdError]:
        batch = self._requests.batch(requests)
        return outcomes_of(requests, await self._channels.call(methods.BATCH_SIGN, batch, timeout))


async def _parts(header: SignStreamHeader, source: AsyncSource) -> AsyncGenerator[SignStreamRequest, None]:
    yield SignStreamRequest(header=header)
    async with aclosing(async_chunks_of(source)) as chunks:
        async for chunk in chunks:
            yield SignStreamRequest(chunk=chunk)
