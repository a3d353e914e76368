"""The methods of service Providers, and what providers and the keys found there look like on the wire."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.core.public_keys import key_id
from signerd.engine.discovery import Unmanaged
from signerd.engine.providers import Description, ProviderReader
from signerd.engine.requests import ReadCall
from signerd.providers.base import Capabilities
from signerd.v1 import keys_pb2, providers_pb2


@dataclass(slots=True)
class ProvidersMethods:
    """ListProviders, GetProvider: from bytes to bytes."""

    reader: ProviderReader

    async def list(self, caller: Caller, request: providers_pb2.ListProvidersRequest) -> bytes:
        """List the providers."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        found = await self.reader.all(caller, call)
        return providers_pb2.ListProvidersResponse(
            providers=[provider_message(one) for one in found]
        ).SerializeToString()

    async def get(self, caller: Caller, request: providers_pb2.GetProviderRequest) -> bytes:
        """Show one provider."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        found = await self.reader.one(caller, call, request.name)
        return providers_pb2.GetProviderResponse(provider=provider_message(found)).SerializeToString()


def provider_message(described: Description) -> providers_pb2.Provider:
    """A provider with what it can do."""
    return providers_pb2.Provider(
        name=described.name,
        type=described.type,
        scheme=described.scheme,
        is_default=described.is_default,
        healthy=described.health.healthy,
        detail=described.health.detail,
        capabilities=capabilities_message(described.capabilities),
        settings=described.settings,
    )


def capabilities_message(able: Capabilities) -> providers_pb2.Capabilities:
    """What can be done at a provider."""
    message = providers_pb2.Capabilities(
        algorithms=[algorithm.name for algorithm in able.algorithms],
        create=able.create,
        imports=able.imports,
        disable=able.disable,
    )
    if able.destroy_delay is not None:
        message.destroy_delay.FromTimedelta(able.destroy_delay)
    return message


def discovered_message(one: Unmanaged) -> keys_pb2.DiscoveredKey:
    """Key material that nobody manages."""
    return keys_pb2.DiscoveredKey(
        uri=one.material.uri,
        algorithm=one.algorithm,
        key_id=key_id(one.material.public_key) if one.material.public_key else "",
        version=one.material.number,
        enabled=one.material.enabled,
        tags=dict(one.material.tags),
        leftover=one.leftover,
    )
