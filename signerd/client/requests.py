"""Requests of one client: arguments, plus what the client remembers (state revision) and was told (checksums)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from signerd.client.arguments import (
    CallOptions,
    SignOptions,
    VerifyOptions,
    new_id,
    sign_request,
    verify_request,
)
from signerd.client.checksums import put_checksum
from signerd.errors import Reason, SignerdError
from signerd.v1.admin_pb2 import GetStatusRequest, RotateLogKeyRequest
from signerd.v1.keys_pb2 import (
    AdoptKeyRequest,
    CheckKeysRequest,
    CreateKeyRequest,
    DiscoverKeysRequest,
    GetKeyRequest,
    ImportKeyRequest,
    ListKeysRequest,
)
from signerd.v1.providers_pb2 import GetProviderRequest, ListProvidersRequest
from signerd.v1.resources_pb2 import KeyPurpose
from signerd.v1.signer_pb2 import (
    BatchSignRequest,
    PublicKeyRequest,
    SignRequest,
    SignStreamHeader,
    VerifyRequest,
)


class Requests:
    """Makes requests; `revision` is the newest state revision that this client's changes gave."""

    def __init__(self, checksums: bool) -> None:
        self._checksums = checksums
        self.revision = 0

    def remember(self, revision: int) -> None:
        """Ask for this revision or a newer one from now on."""
        self.revision = max(self.revision, revision)

    def sign(self, key: str, **options: Unpack[SignOptions]) -> SignRequest:
        """As SignOptions says."""
        return self.complete(sign_request(key, **options))

    def complete(self, request: SignRequest) -> SignRequest:
        """Put in what the caller left out."""
        if self.revision and not request.min_revision:
            request.min_revision = self.revision
        if not request.request_id:
            request.request_id = new_id()
        if self._checksums:
            put_checksum(request)
        return request

    def batch(self, items: list[SignRequest]) -> BatchSignRequest:
        """Complete items as one batch."""
        return BatchSignRequest(items=items, request_id=new_id())

    def stream_header(
        self,
        key: str,
        length: int,
        *,
        payload_type: str = "",
        version: int = 0,
        validate_only: bool = False,
        want_proof: bool = False,
        **call: Unpack[CallOptions],
    ) -> SignStreamHeader:
        """The first message of a stream of `length` bytes."""
        return SignStreamHeader(
            key=key,
            length=length,
            payload_type=payload_type,
            version=version,
            validate_only=validate_only,
            want_proof=want_proof,
            min_revision=self.revision,
            **identified(call),
        )

    def verify(self, key: str, signature: bytes, **options: Unpack[VerifyOptions]) -> VerifyRequest:
        """As VerifyOptions says."""
        request = verify_request(key, signature, **options)
        request.min_revision = self.revision
        return request

    def public_key(
        self, key: str, *, version: int = 0, every: bool = False, **call: Unpack[CallOptions]
    ) -> PublicKeyRequest:
        """As PublicKeyOptions says."""
        return PublicKeyRequest(
            key=key, version=version, all=every, min_revision=self.revision, **identified(call)
        )

    def create_key(
        self,
        name: str,
        *,
        algorithm: str = "",
        purpose: str = "",
        provider: str = "",
        labels: dict[str, str] | None = None,
        **call: Unpack[CallOptions],
    ) -> CreateKeyRequest:
        """As KeyOptions says."""
        return CreateKeyRequest(
            name=name,
            algorithm=algorithm,
            purpose=_purpose(purpose),
            provider=provider,
            labels=labels,
            **identified(call),
        )

    def import_key(
        self,
        name: str,
        private_key: bytes,
        *,
        password: bytes = b"",
        algorithm: str = "",
        purpose: str = "",
        provider: str = "",
        labels: dict[str, str] | None = None,
        **call: Unpack[CallOptions],
    ) -> ImportKeyRequest:
        """As ImportOptions says."""
        return ImportKeyRequest(
            name=name,
            private_key=private_key,
            password=password,
            algorithm=algorithm,
            purpose=_purpose(purpose),
            provider=provider,
            labels=labels,
            **identified(call),
        )

    def adopt_key(
        self,
        name: str,
        uri: str,
        *,
        public_only: bool = False,
        algorithm: str = "",
        purpose: str = "",
        provider: str = "",
        labels: dict[str, str] | None = None,
        **call: Unpack[CallOptions],
    ) -> AdoptKeyRequest:
        """As AdoptOptions says."""
        return AdoptKeyRequest(
            name=name,
            uri=uri,
            public_only=public_only,
            algorithm=algorithm,
            purpose=_purpose(purpose),
            provider=provider,
            labels=labels,
            **identified(call),
        )

    def discover_keys(self, provider: str, **call: Unpack[CallOptions]) -> DiscoverKeysRequest:
        """Keys that nobody manages."""
        return DiscoverKeysRequest(provider=provider, min_revision=self.revision, **identified(call))

    def check_keys(self, names: Iterable[str], **call: Unpack[CallOptions]) -> CheckKeysRequest:
        """Checks of keys."""
        return CheckKeysRequest(names=names, min_revision=self.revision, **identified(call))

    def list_providers(self, **call: Unpack[CallOptions]) -> ListProvidersRequest:
        """All providers."""
        return ListProvidersRequest(**identified(call))

    def get_provider(self, name: str, **call: Unpack[CallOptions]) -> GetProviderRequest:
        """One provider."""
        return GetProviderRequest(name=name, **identified(call))

    def get_key(self, name: str, **call: Unpack[CallOptions]) -> GetKeyRequest:
        """One key."""
        return GetKeyRequest(name=name, min_revision=self.revision, **identified(call))

    def list_keys(
        self, *, page_size: int = 0, page_token: str = "", **call: Unpack[CallOptions]
    ) -> ListKeysRequest:
        """A page of keys."""
        return ListKeysRequest(
            page_size=page_size, page_token=page_token, min_revision=self.revision, **identified(call)
        )

    def get_status(self, **call: Unpack[CallOptions]) -> GetStatusRequest:
        """The status."""
        return GetStatusRequest(**identified(call))

    def rotate_log_key(self, *, lost: bool = False, **call: Unpack[CallOptions]) -> RotateLogKeyRequest:
        """A new log key."""
        return RotateLogKeyRequest(lost=lost, **identified(call))


def identified(call: CallOptions) -> CallOptions:
    """The ids of a call; one is made where there is none."""
    return {"request_id": call.get("request_id") or new_id(), "traceparent": call.get("traceparent", "")}


def _purpose(name: str) -> str:
    value = f"KEY_PURPOSE_{(name or 'unspecified').upper()}"
    if value in KeyPurpose.keys():  # noqa: SIM118 - an enum wrapper, not a mapping
        return value
    raise SignerdError(
        Reason.REQUEST_MALFORMED,
        f"unknown purpose {name[:32]!r}; use artifact, jwt, bundle or log",
        field="purpose",
    )
