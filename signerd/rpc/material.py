"""Methods of service Keys that deal with key material at providers: adopt, discover, check."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.engine.adoption import Adopter
from signerd.engine.checking import Checker, Finding
from signerd.engine.discovery import Discoverer
from signerd.engine.requests import AdoptCall, ReadCall
from signerd.rpc.keys import encoded
from signerd.rpc.messages import position, purpose
from signerd.rpc.providers import discovered_message
from signerd.v1 import keys_pb2


@dataclass(slots=True)
class MaterialMethods:
    """AdoptKey, DiscoverKeys, CheckKeys: from bytes to bytes."""

    adopter: Adopter
    discoverer: Discoverer
    checker: Checker
    shard: str

    async def adopt(self, caller: Caller, request: keys_pb2.AdoptKeyRequest) -> bytes:
        """Take over key material."""
        call = AdoptCall(
            name=request.name,
            uri=request.uri,
            provider=request.provider,
            algorithm=request.algorithm,
            public_only=request.public_only,
            purpose=purpose(request.purpose),
            labels=dict(request.labels),
            request_id=request.request_id,
            traceparent=request.traceparent,
        )
        adopted = await self.adopter.adopt(caller, call, encoded(keys_pb2.AdoptKeyResponse))
        response = keys_pb2.AdoptKeyResponse.FromString(adopted.answer)
        response.audit.CopyFrom(position(self.shard, adopted.sequence))
        return response.SerializeToString()

    async def discover(self, caller: Caller, request: keys_pb2.DiscoverKeysRequest) -> bytes:
        """List key material that nobody manages."""
        call = ReadCall(
            request_id=request.request_id,
            traceparent=request.traceparent,
            min_revision=request.min_revision,
        )
        found = await self.discoverer.discover(caller, call, request.provider)
        return keys_pb2.DiscoverKeysResponse(
            provider=found.provider, keys=[discovered_message(one) for one in found.found]
        ).SerializeToString()

    async def check(self, caller: Caller, request: keys_pb2.CheckKeysRequest) -> bytes:
        """Check keys."""
        call = ReadCall(
            request_id=request.request_id,
            traceparent=request.traceparent,
            min_revision=request.min_revision,
        )
        findings = await self.checker.check(caller, request.names, call)
        return keys_pb2.CheckKeysResponse(
            findings=[finding_message(one) for one in findings]
        ).SerializeToString()


def finding_message(one: Finding) -> keys_pb2.KeyFinding:
    """How one version is."""
    return keys_pb2.KeyFinding(
        key=one.key,
        version=one.version,
        provider=one.provider,
        ok=one.ok,
        reason=one.reason,
        message=one.message,
        milliseconds=one.milliseconds,
    )
