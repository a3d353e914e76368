# ruff: noqa: N802 - names of the API
"""A daemon that signs nothing: it answers on a real socket as it is told, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import google_crc32c
import grpc.aio
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from signerd.errors import Reason
from signerd.v1 import admin_pb2_grpc, audit_pb2_grpc, keys_pb2_grpc, providers_pb2_grpc, signer_pb2_grpc
from signerd.v1.admin_pb2 import (
    GetStatusResponse,
    ProviderStatus,
    PruneRecordsResponse,
    RotateLogKeyResponse,
)
from signerd.v1.keys_pb2 import (
    AdoptKeyResponse,
    CheckKeysResponse,
    CreateKeyResponse,
    DiscoveredKey,
    DiscoverKeysResponse,
    GetKeyResponse,
    ImportKeyResponse,
    KeyFinding,
    ListKeysResponse,
)
from signerd.v1.providers_pb2 import Capabilities, GetProviderResponse, ListProvidersResponse, Provider
from signerd.v1.resources_pb2 import AuditPosition, Key, KeyVersion
from signerd.v1.signer_pb2 import (
    BatchSignResponse,
    BatchSignResult,
    PublicKeyResponse,
    PublicKeyVersion,
    SignResponse,
    SignStreamResponse,
    VerifyResponse,
)
from tests.unit.client.fake_audit import NOTE, RECORD, AuditServicer

Answer = Any


def status_of(reason: Reason | str, message: str = "no", code: int = 0, **more: Any) -> Status:
    """A status as the daemon sends it; `reason` as text is one that this client does not know."""
    name = reason if isinstance(reason, str) else reason.name
    status = Status(code=code or reason.value.code, message=message)  # type: ignore[union-attr]
    details: list[Any] = [ErrorInfo(reason=name, domain="signerd.dev")]
    if field := more.get("field"):
        details.append(BadRequest(field_violations=[BadRequest.FieldViolation(field=field)]))
    if wait := more.get("wait"):
        details.append(RetryInfo(retry_delay=Duration(nanos=int(wait * 1e9))))
    for detail in details:
        packed = Packed()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def signed(request: Any) -> SignResponse:
    """What Sign answers: a signature that shows the input."""
    kind = request.WhichOneof("input")
    data = {"digest": request.digest.value, "dsse": request.dsse.payload}.get(kind, request.message)
    answer = SignResponse(
        signature=b"signed:" + data,
        key_version=f"keys/{request.key}/versions/{request.version or 1}",
        algorithm="ecdsa-p256-sha256",
        key_id="ab" * 32,
        ssh_fingerprint="SHA256:abc",
        audit=AuditPosition(shard="w0", sequence=7),
    )
    if request.HasField("input_crc32c"):
        answer.signature_crc32c = google_crc32c.value(answer.signature)
    return answer


KEY = Key(
    name="release",
    algorithm="ecdsa-p256-sha256",
    provider="local",
    primary_version=1,
    versions=[
        KeyVersion(
            name="keys/release/versions/1", version=1, state="KEY_VERSION_STATE_ACTIVE", key_id="ab" * 32
        )
    ],
)
PUBLIC = PublicKeyVersion(
    key_version="keys/release/versions/1",
    algorithm="ecdsa-p256-sha256",
    primary=True,
    pem="-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    der=b"\x30\x00",
    jwk='{"kty": "EC", "kid": "abab"}',
)
PROVIDER = Provider(
    name="local",
    type="local",
    scheme="local",
    is_default=True,
    healthy=True,
    detail="1 of 1 keys unlocked",
    capabilities=Capabilities(algorithms=["ecdsa-p256-sha256", "ed25519"], create=True),
    settings={"verify_after_sign": "sampled"},
)
DISCOVERED = DiscoveredKey(
    uri="local:old/1-a.key", algorithm="ed25519", key_id="ab" * 32, enabled=True, tags={"key": "old"}
)


__all__ = ["NOTE", "RECORD"]


class FakeDaemon:
    """`script[method]` holds failures (Status) or answers for the next calls; `asked[method]` what came.

    While `gate` is cleared, Sign and BatchSign wait. `spoiled` are messages that fail as batch items. With `early` a
    stream is answered at its header.
    """

    def __init__(self) -> None:
        self.script: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.asked: defaultdict[str, list[Any]] = defaultdict(list)
        self.metadata: dict[str, Any] = {}
        self.spoiled: dict[bytes, Status] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.peers: set[str] = set()
        self.loop: asyncio.AbstractEventLoop
        self.port = 0
        self.early = False

    async def answer(self, method: str, request: Any, context: Any, usual: Answer) -> Answer:
        self.asked[method].append(request)
        self.metadata = dict(context.invocation_metadata())
        self.peers.add(context.peer())
        while not self.gate.is_set():  # noqa: ASYNC110 - the gate is another thread's
            await asyncio.sleep(0.002)
        scripted = self.script[method].popleft() if self.script[method] else None
        return usual if scripted is None else await self.scripted(scripted, context)

    async def scripted(self, answer: Any, context: Any) -> Any:
        """An answer, or the failure that stands for it."""
        if isinstance(answer, Status):
            context.set_trailing_metadata((("grpc-status-details-bin", answer.SerializeToString()),))
            code = next(one for one in grpc.StatusCode if one.value[0] == answer.code)
            await context.abort(code, answer.message)
        return answer

    def batch(self, request: Any) -> BatchSignResponse:
        results = []
        for item in request.items:
            spoiled = self.spoiled.get(item.message)
            results.append(
                BatchSignResult(error=spoiled) if spoiled else BatchSignResult(response=signed(item))
            )
        return BatchSignResponse(results=results)


class Servicer(
    signer_pb2_grpc.SignerServicer,
    keys_pb2_grpc.KeysServicer,
    providers_pb2_grpc.ProvidersServicer,
    AuditServicer,
    admin_pb2_grpc.AdminServicer,
):
    def __init__(self, daemon: FakeDaemon) -> None:
        self.daemon = daemon

    async def Sign(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("Sign", request, context, signed(request))

    async def BatchSign(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("BatchSign", request, context, self.daemon.batch(request))

    async def SignStream(self, request_iterator: AsyncIterator[Any], context: Any) -> Any:
        first = await anext(request_iterator, None)
        if first is None:  # how a cancelled stream may look too
            return SignStreamResponse()
        self.daemon.asked["begun"].append(first.header)
        if self.daemon.early:
            await self.daemon.answer("SignStream", first.header, context, None)
        try:
            parts = [first, *[part async for part in request_iterator]]
        finally:
            self.daemon.asked["ended"].append(first.header)
        self.daemon.asked["chunks"] = [part.chunk for part in parts[1:]]
        whole = b"%d bytes" % sum(len(part.chunk) for part in parts[1:])
        answer = SignStreamResponse(
            response=SignResponse(signature=whole, key_version="keys/release/versions/1")
        )
        return await self.daemon.answer("SignStream", parts[0].header, context, answer)

    async def Verify(self, request: Any, context: Any) -> Any:
        answer = VerifyResponse(key_version=f"keys/{request.key}/versions/1", algorithm="ecdsa-p256-sha256")
        return await self.daemon.answer("Verify", request, context, answer)

    async def PublicKey(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer(
            "PublicKey", request, context, PublicKeyResponse(versions=[PUBLIC] * (2 if request.all else 1))
        )

    async def CreateKey(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("CreateKey", request, context, CreateKeyResponse(key=KEY, revision=5))

    async def ImportKey(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("ImportKey", request, context, ImportKeyResponse(key=KEY, revision=6))

    async def GetKey(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("GetKey", request, context, GetKeyResponse(key=KEY))

    async def ListKeys(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("ListKeys", request, context, ListKeysResponse(keys=[KEY]))

    async def AdoptKey(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("AdoptKey", request, context, AdoptKeyResponse(key=KEY, revision=7))

    async def DiscoverKeys(self, request: Any, context: Any) -> Any:
        answer = DiscoverKeysResponse(provider=request.provider or "local", keys=[DISCOVERED])
        return await self.daemon.answer("DiscoverKeys", request, context, answer)

    async def CheckKeys(self, request: Any, context: Any) -> Any:
        findings = [KeyFinding(key=name, version=1, provider="local", ok=True) for name in request.names]
        return await self.daemon.answer("CheckKeys", request, context, CheckKeysResponse(findings=findings))

    async def ListProviders(self, request: Any, context: Any) -> Any:
        answer = ListProvidersResponse(providers=[PROVIDER])
        return await self.daemon.answer("ListProviders", request, context, answer)

    async def GetProvider(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer(
            "GetProvider", request, context, GetProviderResponse(provider=PROVIDER)
        )

    async def PruneRecords(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("PruneRecords", request, context, PruneRecordsResponse())

    async def RotateLogKey(self, request: Any, context: Any) -> Any:
        answer = RotateLogKeyResponse(key=KEY, revision=8)
        return await self.daemon.answer("RotateLogKey", request, context, answer)

    async def GetStatus(self, request: Any, context: Any) -> Any:
        provider = ProviderStatus(name="local", type="local", healthy=True)
        answer = GetStatusResponse(version="0.1.0", serving=True, workers=1, providers=[provider])
        return await self.daemon.answer("GetStatus", request, context, answer)


@contextmanager
def running(address: str, tls: grpc.ServerCredentials | None = None) -> Iterator[FakeDaemon]:
    """A fake daemon at `address` (`unix:PATH` or `HOST:PORT`, 0 for any port), in a thread of its own."""
    daemon = FakeDaemon()
    ready = threading.Event()
    stop = asyncio.Event()

    async def serve() -> None:
        daemon.loop = asyncio.get_running_loop()
        server = grpc.aio.server()
        servicer = Servicer(daemon)
        signer_pb2_grpc.add_SignerServicer_to_server(servicer, server)
        keys_pb2_grpc.add_KeysServicer_to_server(servicer, server)
        providers_pb2_grpc.add_ProvidersServicer_to_server(servicer, server)
        audit_pb2_grpc.add_AuditServicer_to_server(servicer, server)
        admin_pb2_grpc.add_AdminServicer_to_server(servicer, server)
        daemon.port = server.add_secure_port(address, tls) if tls else server.add_insecure_port(address)
        await server.start()
        ready.set()
        await stop.wait()
        await server.stop(0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield daemon
    finally:
        daemon.gate.set()
        daemon.loop.call_soon_threadsafe(stop.set)
        thread.join()


def socket_in(directory: Path) -> str:
    """Address of a socket in a directory."""
    return f"unix:{directory / 'd.sock'}"
