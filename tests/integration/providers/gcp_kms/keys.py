"""Keys of a provider under test, and keys that others made at the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import grpc
import pytest
from google.cloud import kms_v1  # noqa: TID251 - what others do at the API

from signerd.core.algorithms import DEFAULT, Algorithm, algorithm_named
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material, Order, Provider
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded, pinned_version
from tests.support.servers.gcp import RING, GcpServer

GIVEN = prepare(DEFAULT, Message(b"some bytes"))


def order(
    key: str, version: int = 1, tag: str = "", algorithm: Algorithm = DEFAULT, instance: str = "i"
) -> Order:
    return Order(key, version, algorithm, tag or f"t{version}", instance=instance)


def through_guard(provider: Provider) -> Guarded:
    return Guarded("gcp", "gcp-kms", provider, limits=Limits(call=5.0, create=20.0))


async def sign(guarded: Guarded, material: Material, given: SigningInput = GIVEN) -> bytes:
    """A signature; the guard has verified it."""
    algorithm = material.algorithm or DEFAULT
    return await guarded.sign(pinned_version(material.uri, algorithm, material.public_key), given)


async def refused(call: Awaitable[object], reason: Reason) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        await call
    assert caught.value.reason is reason, caught.value
    return caught.value


async def tagged(provider: Provider, tag: str) -> list[Material]:
    return [one for one in await provider.held() if one.tags.get("tag") == tag]


class Others:
    """Somebody else at the same API, with Google's own client."""

    def __init__(self, server: GcpServer) -> None:
        transport: Any = kms_v1.KeyManagementServiceClient.get_transport_class("grpc")
        channel = grpc.insecure_channel(server.endpoint)
        self.client = kms_v1.KeyManagementServiceClient(transport=transport(channel=channel))

    async def make_key(self, name: str, algorithm: str, labels: Mapping[str, str] | None = None) -> str:
        kinds: Any = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
        key = kms_v1.CryptoKey(
            purpose=kms_v1.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN,
            version_template={"algorithm": kinds[algorithm]},
            labels=labels or {},
        )
        made = await asyncio.to_thread(
            self.client.create_crypto_key, parent=RING, crypto_key_id=name, crypto_key=key
        )
        return str(made.name)

    async def make_version(self, key: str) -> str:
        made = await asyncio.to_thread(
            self.client.create_crypto_key_version, parent=key, crypto_key_version=None
        )
        return str(made.name)

    async def labels(self, uri: str) -> dict[str, str]:
        name = uri.removeprefix("gcp-kms://").partition("/cryptoKeyVersions/")[0]
        return dict((await asyncio.to_thread(self.client.get_crypto_key, name=name)).labels)

    async def set_labels(self, uri: str, labels: Mapping[str, str]) -> None:
        name = uri.removeprefix("gcp-kms://").partition("/cryptoKeyVersions/")[0]
        request = {"crypto_key": {"name": name, "labels": dict(labels)}, "update_mask": "labels"}
        await asyncio.to_thread(self.client.update_crypto_key, request=request)


ED25519 = algorithm_named("ed25519")
ML_DSA = algorithm_named("ml-dsa-65")
