"""Versions are the technology's own, and their states are told as they are."""

from __future__ import annotations

import pytest

from signerd.core.inputs import Message, Mu
from signerd.errors import Reason
from signerd.providers.base import Change
from signerd.providers.gcp_kms.provider import GcpKmsProvider, build
from tests.integration.providers.gcp_kms.keys import (
    ED25519,
    ML_DSA,
    Others,
    order,
    refused,
    sign,
    tagged,
    through_guard,
)
from tests.support.servers.gcp import RING, GcpServer, setup

DAY = 86_400


def key_of(uri: str) -> str:
    return uri.partition("/cryptoKeyVersions/")[0]


async def test_versions_of_a_key_are_versions_of_one_crypto_key(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    server.set(page=4)
    made = [await provider.create(order("many", version)) for version in range(1, 13)]
    assert [one.number for one in made] == list(range(1, 13))
    assert len({key_of(one.uri) for one in made}) == 1
    assert await provider.find(key_of(made[0].uri)) == made
    assert [one for one in await provider.held() if one.tags.get("key") == "many"] == made


async def test_a_name_used_again_for_another_algorithm_is_another_crypto_key(
    provider: GcpKmsProvider,
) -> None:
    one = await provider.create(order("again", 1, "a"))
    other = await provider.create(order("again", 1, "b", ED25519))
    third = await provider.create(order("again", 1, "c", instance="another"))
    assert len({key_of(made.uri) for made in (one, other, third)}) == 3


async def test_what_is_pending_is_waited_for(provider: GcpKmsProvider, server: GcpServer) -> None:
    server.set(generation=0.3)
    before = server.calls().get("GetCryptoKeyVersion", 0)
    material = await provider.create(order("slow"))
    assert server.calls()["GetCryptoKeyVersion"] > before + 1
    await sign(through_guard(provider), material)


async def test_what_takes_too_long_is_there_later(provider: GcpKmsProvider, server: GcpServer) -> None:
    server.set(generation=3600)
    hasty = build(setup(server.endpoint, create=2.0))
    await refused(hasty.create(order("late", 1, "late-1")), Reason.PROVIDER_TIMEOUT)
    await refused(provider.create(order("late", 1, "late-1")), Reason.KEY_EXISTS)
    (pending,) = await tagged(provider, "late-1")
    assert (pending.enabled, pending.public_key) == (False, b"")
    await refused(provider.change(pending.uri, Change.DESTROY), Reason.PROVIDER_UNAVAILABLE)
    server.skip(4000)
    (found,) = await tagged(provider, "late-1")
    await sign(through_guard(provider), found)
    await hasty.close()


async def test_what_cannot_be_generated_is_an_error(
    provider: GcpKmsProvider, server: GcpServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.set(generation_fails=True)
    await refused(provider.create(order("broken")), Reason.PROVIDER_UNAVAILABLE)
    assert "could not be generated" in caplog.text


async def test_a_disabled_version_shows_the_public_key_that_was_seen(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    material = await provider.create(order("hidden"))
    await provider.change(material.uri, Change.DISABLE)
    (seen,) = await provider.find(material.uri)
    assert (seen.enabled, seen.public_key) == (False, material.public_key)
    fresh = build(setup(server.endpoint))
    (unseen,) = await fresh.find(material.uri)
    assert (unseen.enabled, unseen.public_key, unseen.tags) == (False, b"", material.tags)
    assert await through_guard(fresh).compare_public_key(material.uri, material.public_key) == unseen
    await refused(fresh.find(key_of(material.uri)), Reason.KEY_MATERIAL_UNREADABLE)
    second = await provider.create(order("hidden", 2))
    assert await fresh.find(key_of(material.uri)) == [second]
    await fresh.close()


async def test_destroyed_versions_can_be_used_no_more(provider: GcpKmsProvider, server: GcpServer) -> None:
    guarded = through_guard(provider)
    first, second = await provider.create(order("end", 1)), await provider.create(order("end", 2))
    await provider.change(first.uri, Change.DESTROY)
    for call in (sign(guarded, first), provider.find(first.uri), provider.change(first.uri, Change.ENABLE)):
        await refused(call, Reason.KEY_MATERIAL_DISABLED)
    await provider.change(first.uri, Change.DISABLE)
    assert await provider.find(key_of(first.uri)) == [second]
    server.skip(31 * DAY)
    for call in (sign(guarded, first), provider.find(first.uri), provider.change(first.uri, Change.ENABLE)):
        await refused(call, Reason.KEY_MATERIAL_UNREADABLE)
    await provider.change(first.uri, Change.DESTROY)
    await provider.change(second.uri, Change.DESTROY)
    await refused(provider.find(key_of(first.uri)), Reason.KEY_MATERIAL_UNREADABLE)


async def test_destruction_waits_as_long_as_configured(server: GcpServer) -> None:
    provider = build(setup(server.endpoint, destroy_delay=2.0 * DAY))
    assert provider.capabilities.destroy_delay is not None
    assert provider.capabilities.destroy_delay.days == 2
    material = await provider.create(order("short"))
    await provider.change(material.uri, Change.DESTROY)
    server.skip(2 * DAY - 60)
    await refused(provider.find(material.uri), Reason.KEY_MATERIAL_DISABLED)
    server.skip(120)
    await refused(provider.find(material.uri), Reason.KEY_MATERIAL_UNREADABLE)
    await provider.close()


async def test_keys_of_others_are_found_with_their_history_and_without_tags(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    others = Others(server)
    key = await others.make_key("theirs", "RSA_SIGN_PSS_2048_SHA256", {"team": "a"})
    await others.make_version(key)
    found = await provider.find(f"gcp-kms://{key}")
    assert [(one.number, one.tags, str(one.algorithm)) for one in found] == [
        (1, {}, "rsa-pss-2048-sha256"),
        (2, {}, "rsa-pss-2048-sha256"),
    ]
    await sign(through_guard(provider), found[1])
    assert {one.uri for one in found} <= {one.uri for one in await provider.held()}


async def test_an_algorithm_that_signerd_lacks(provider: GcpKmsProvider, server: GcpServer) -> None:
    key = await Others(server).make_key("unknown", "RSA_SIGN_PKCS1_4096_SHA512")
    error = await refused(provider.find(f"gcp-kms://{key}"), Reason.ALGORITHM_UNSUPPORTED)
    assert "RSA_SIGN_PKCS1_4096_SHA512" in error.message
    assert not any(key in one.uri for one in await provider.held())


async def test_ml_dsa_of_others_takes_messages_alone(provider: GcpKmsProvider, server: GcpServer) -> None:
    key = await Others(server).make_key("pure", "PQ_SIGN_ML_DSA_65")
    (material,) = await provider.find(f"gcp-kms://{key}")
    fresh = build(setup(server.endpoint))
    guarded = through_guard(fresh)
    await sign(guarded, material, Message(b"some bytes"))
    await refused(sign(guarded, material, Mu(bytes(64))), Reason.MU_NOT_ACCEPTED)
    await refused(sign(guarded, material, Message(bytes(65_537))), Reason.REQUEST_TOO_LARGE)
    await fresh.close()


async def test_ml_dsa_of_ours_takes_messages_of_any_size(provider: GcpKmsProvider, server: GcpServer) -> None:
    material = await provider.create(order("mu", algorithm=ML_DSA))
    fresh = build(setup(server.endpoint))
    for given in (Message(bytes(1_000_000)), Message(b""), Mu(bytes(range(64)))):
        await sign(through_guard(fresh), material, given)
    await fresh.close()


@pytest.mark.parametrize("size", [0, 65_536, 65_537])
async def test_ed25519_takes_64_kib(provider: GcpKmsProvider, size: int) -> None:
    material = await provider.create(order(f"ed{size}", algorithm=ED25519))
    given, guarded = Message(bytes(size)), through_guard(provider)
    if size <= 65_536:
        await sign(guarded, material, given)
    else:
        await refused(sign(guarded, material, given), Reason.REQUEST_TOO_LARGE)


async def test_a_uri_of_a_key_does_not_sign(provider: GcpKmsProvider) -> None:
    material = await provider.create(order("unversioned"))
    for uri in (key_of(material.uri), f"gcp-kms://{RING}"):
        error = await refused(
            provider.sign(uri, ED25519, Message(b"")),
            Reason.KEY_URI_INVALID,
        )
        assert "cryptoKeyVersions/N" in error.message
