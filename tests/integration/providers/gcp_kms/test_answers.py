"""What comes back is believed only if its name and checksums are right."""

from __future__ import annotations

import pytest

from signerd.core.inputs import Message
from signerd.errors import Reason
from signerd.providers.gcp_kms.provider import GcpKmsProvider
from tests.integration.providers.gcp_kms.keys import (
    ED25519,
    GIVEN,
    ML_DSA,
    order,
    refused,
    sign,
    through_guard,
)
from tests.support.servers.gcp import GcpServer

DAMAGES = ["name", "checksum", "no-checksum", "unverified"]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_signature_is_asked_for_once_more(
    provider: GcpKmsProvider, server: GcpServer, damage: str
) -> None:
    material = await provider.create(order(f"once-{damage}"))
    server.fail("AsymmetricSign", tamper=damage, times=1)
    before = server.calls().get("AsymmetricSign", 0)
    await provider.sign(material.uri, order("k").algorithm, GIVEN)
    assert server.calls()["AsymmetricSign"] == before + 2


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_signature_damaged_twice_is_an_integrity_error(
    provider: GcpKmsProvider, server: GcpServer, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    material = await provider.create(order(f"twice-{damage}"))
    server.fail("AsymmetricSign", tamper=damage, times=2)
    await refused(provider.sign(material.uri, order("k").algorithm, GIVEN), Reason.PROVIDER_INTEGRITY)
    assert "arrived damaged" in caplog.text


async def test_the_checksum_of_data_counts_for_keys_that_take_data(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    material = await provider.create(order("data", algorithm=ED25519))
    server.fail("AsymmetricSign", tamper="unverified", times=2)
    await refused(provider.sign(material.uri, ED25519, Message(b"data")), Reason.PROVIDER_INTEGRITY)


async def test_a_wrong_signature_with_a_right_checksum_is_found_by_the_guard(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    material = await provider.create(order("wrong"))
    server.fail("AsymmetricSign", tamper="signature")
    await refused(sign(through_guard(provider), material), Reason.PROVIDER_INTEGRITY)


@pytest.mark.parametrize("damage", ["name", "pem", "nonsense"])
async def test_a_damaged_public_key_is_not_pinned(
    provider: GcpKmsProvider, server: GcpServer, damage: str
) -> None:
    material = await provider.create(order(f"public-{damage}"))
    server.fail("GetPublicKey", tamper=damage, times=1)
    assert await provider.find(material.uri) == [material]
    server.fail("GetPublicKey", tamper=damage, times=2)
    await refused(provider.find(material.uri), Reason.PROVIDER_INTEGRITY)


async def test_a_damaged_post_quantum_public_key_is_not_pinned(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    server.fail("GetPublicKey", tamper="public-key", times=2)
    await refused(provider.create(order("public-pq", algorithm=ML_DSA)), Reason.PROVIDER_INTEGRITY)
