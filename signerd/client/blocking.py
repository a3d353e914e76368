"""The blocking client, for threads and scripts."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator
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
from signerd.client.audit import Audit
from signerd.client.channels import BlockingChannels
from signerd.client.checksums import check_checksum
from signerd.client.chunks import Source, chunks_of, length_of
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


class Client:
    """A connection to a daemon; threads may share it, `with` closes it.

    Without settings they come from the environment (`settings_from`). `timeout` is the default for a call with its
    repetitions, in seconds; `pool` the number of channels. With `checksums` inputs and signatures carry CRC32C
    (streams do not). Every method raises SignerdError. `audit` reads the audit log.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        timeout: float = 10.0,
        checksums: bool = False,
        backoff: Backoff | None = None,
        pool: int | None = None,
    ) -> None:
        self._channels = BlockingChannels(settings or settings_from(os.environ), pool)
        self._requests = Requests(checksums)
        self._backoff = backoff or Backoff()
        self._timeout = timeout
        self.audit = Audit(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channels.close()

    @property
    def revision(self) -> int:
        """The newest state revision that this client has seen; 0 at first."""
        return self._requests.revision

    def remember(self, revision: int) -> None:
        """Let later requests see at least this state revision, of another client for example."""
        self._requests.remember(revision)

    def sign(self, key: str, *, timeout: float | None = None, **options: Unpack[SignOptions]) -> SignResponse:
        """Sign one input."""
        request = self._requests.sign(key, **options)
        return check_checksum(request, self._call(methods.SIGN, request, timeout))

    def sign_batch(
        self, items: Iterable[SignRequest], *, timeout: float | None = None
    ) -> list[SignResponse | SignerdError]:
        """Sign 1 to 1,000 items, made by `sign_request`; a result or an error for each, in their order."""
        requests = [self._requests.complete(item) for item in items]
        answer = self._call(methods.BATCH_SIGN, self._requests.batch(requests), timeout)
        return outcomes_of(requests, answer)

    def sign_stream(
        self,
        key: str,
        source: Source,
        *,
        length: int | None = None,
        timeout: float | None = None,
        **options: Unpack[StreamOptions],
    ) -> SignResponse:
        """Sign a file or chunks in constant memory; never repeated. The default timeout grows with the length."""
        size = length_of(source, length)
        header = self._requests.stream_header(key, size, **options)
        parts = _Parts(header, source)
        end = time.monotonic() + (stream_timeout(self._timeout, size) if timeout is None else timeout)
        self._await_socket(end - time.monotonic())
        try:
            answer = self._channels.stream(methods.SIGN_STREAM, iter(parts), end - time.monotonic())
        finally:
            if parts.failure:
                raise parts.failure
        return answer.response

    def verify(
        self,
        key: str,
        signature: bytes,
        *,
        timeout: float | None = None,
        **options: Unpack[VerifyOptions],
    ) -> VerifyResponse:
        """Verify one signature; raises SIGNATURE_MISMATCH where it does not. `version` 0 tries all that verify."""
        return self._call(methods.VERIFY, self._requests.verify(key, signature, **options), timeout)

    def public_key(
        self, key: str, *, timeout: float | None = None, **options: Unpack[PublicKeyOptions]
    ) -> PublicKeyResponse:
        """Public key of one version, or of all that verify."""
        return self._call(methods.PUBLIC_KEY, self._requests.public_key(key, **options), timeout)

    def create_key(
        self, name: str, *, timeout: float | None = None, **options: Unpack[KeyOptions]
    ) -> CreateKeyResponse:
        """Make a key with its first version."""
        answer = self._call(methods.CREATE_KEY, self._requests.create_key(name, **options), timeout)
        self._requests.remember(answer.revision)
        return answer

    def import_key(
        self, name: str, private_key: bytes, *, timeout: float | None = None, **options: Unpack[ImportOptions]
    ) -> ImportKeyResponse:
        """Take a private key (PEM) as the first version of a new key."""
        request = self._requests.import_key(name, private_key, **options)
        answer = self._call(methods.IMPORT_KEY, request, timeout)
        self._requests.remember(answer.revision)
        return answer

    def adopt_key(
        self, name: str, uri: str, *, timeout: float | None = None, **options: Unpack[AdoptOptions]
    ) -> AdoptKeyResponse:
        """Take over key material that exists at a provider, as a new key with its version history."""
        request = self._requests.adopt_key(name, uri, **options)
        answer = self._call(methods.ADOPT_KEY, request, timeout)
        self._requests.remember(answer.revision)
        return answer

    def discover_keys(
        self, provider: str = "", *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> DiscoverKeysResponse:
        """Signing keys at a provider that no key of signerd uses."""
        request = self._requests.discover_keys(provider, **options)
        return self._call(methods.DISCOVER_KEYS, request, timeout)

    def check_keys(
        self, names: Iterable[str] = (), *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> CheckKeysResponse:
        """Have keys sign something, all of them without names: a finding for each version."""
        return self._call(methods.CHECK_KEYS, self._requests.check_keys(names, **options), timeout)

    def list_providers(
        self, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> ListProvidersResponse:
        """All providers, by name."""
        return self._call(methods.LIST_PROVIDERS, self._requests.list_providers(**options), timeout)

    def get_provider(
        self, name: str, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> Provider:
        """One provider with what it can do."""
        request = self._requests.get_provider(name, **options)
        return self._call(methods.GET_PROVIDER, request, timeout).provider

    def get_key(
        self, name: str, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> GetKeyResponse:
        """One key with its versions."""
        return self._call(methods.GET_KEY, self._requests.get_key(name, **options), timeout)

    def list_keys(self, *, timeout: float | None = None, **options: Unpack[PageOptions]) -> ListKeysResponse:
        """A page of keys, by name."""
        return self._call(methods.LIST_KEYS, self._requests.list_keys(**options), timeout)

    def rotate_log_key(
        self, *, lost: bool = False, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> RotateLogKeyResponse:
        """Make a new version of the key that signs the audit log's checkpoints; `lost`: the one before can't sign."""
        request = self._requests.rotate_log_key(lost=lost, **options)
        answer = self._call(methods.ROTATE_LOG_KEY, request, timeout)
        self._requests.remember(answer.revision)
        return answer

    def status(self, *, timeout: float | None = None, **options: Unpack[CallOptions]) -> GetStatusResponse:
        """How the daemon is."""
        return self._call(methods.GET_STATUS, self._requests.get_status(**options), timeout)

    def call(
        self, method: Method[Request, Answer], request: Request, *, timeout: float | None = None
    ) -> Answer:
        """Any unary method of the API, with a request as its proto has it."""
        return self._call(method, request, timeout)

    def receive(self, method: Method[Request, Answer], request: Request) -> Generator[Answer, None, None]:
        """Any method of the API that answers with a stream; has no deadline, and is never repeated."""
        self._await_socket(self._timeout)
        return self._channels.receive(method, request)

    def _call(self, method: Method[Request, Answer], request: Request, timeout: float | None) -> Answer:
        end = time.monotonic() + (self._timeout if timeout is None else timeout)
        self._await_socket(end - time.monotonic())
        attempt = 1
        while True:
            try:
                return self._channels.call(method, request, end - time.monotonic())
            except SignerdError as error:
                pause = self._backoff.pause(error, attempt, end - time.monotonic())
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def _await_socket(self, timeout: float) -> None:
        for pause in self._channels.socket.pauses(timeout):
            time.sleep(pause)


class _Parts:
    """Messages of a stream. gRPC reads them in a thread of its own, where an error would be lost: it is kept."""

    def __init__(self, header: SignStreamHeader, source: Source) -> None:
        self._header = header
        self._source = source
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[SignStreamRequest]:
        yield SignStreamRequest(header=self._header)
        try:
            for chunk in chunks_of(self._source):
                yield SignStreamRequest(chunk=chunk)
        except Exception as error:  # noqa: BLE001 - raised again by sign_stream
            self.failure = error
