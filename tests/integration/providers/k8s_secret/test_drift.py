"""Secrets that are changed or deleted by others: noticed, and never signed with another key."""

from __future__ import annotations

import asyncio
import base64

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import pem, spki
from signerd.core.signatures import Sign
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material
from signerd.providers.k8s_secret.provider import K8sSecretProvider
from tests.integration.providers.k8s_secret.conftest import GIVEN, Namespace, check, order, until


async def ready(provider: K8sSecretProvider, uri: str) -> Sign:
    """The signer that the hot path holds on to."""
    await provider.sign(uri, DEFAULT, GIVEN)
    sign = provider.signer(uri, DEFAULT)
    assert sign is not None
    return sign


async def refusal(sign: Sign) -> SignerdError:
    """Wait until it signs no more."""
    while True:
        try:
            sign(GIVEN)
        except SignerdError as error:
            return error
        await asyncio.sleep(0.02)


async def signature(sign: Sign) -> bytes:
    """Wait until it signs again."""
    while True:
        try:
            return sign(GIVEN)
        except SignerdError:
            await asyncio.sleep(0.02)


@pytest.fixture(params=["made", "adopted"])
async def material(
    request: pytest.FixtureRequest, provider: K8sSecretProvider, namespace: Namespace
) -> Material:
    if request.param == "made":
        return await provider.create(order())
    uri = namespace.put("mine", cosign_data())
    return (await provider.find(uri))[0]


def cosign_data() -> dict[str, bytes]:
    key = generate(DEFAULT)
    return {
        "cosign.key": cosign_keys.encrypt(to_pkcs8(key), b""),
        "cosign.password": b"",
        "cosign.pub": pem(spki(key.public_key())).encode(),
    }


async def test_deleted_and_put_back(
    provider: K8sSecretProvider, namespace: Namespace, material: Material
) -> None:
    sign = await ready(provider, material.uri)
    secret = namespace.get(material.uri)
    namespace.delete(material.uri)
    error = await refusal(sign)
    assert error.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert "gone" in error.message
    assert provider.signer(material.uri, DEFAULT) is None
    namespace.put_back(secret)
    check(material, await signature(sign))


async def test_replaced_by_another_key(
    provider: K8sSecretProvider, namespace: Namespace, material: Material
) -> None:
    sign = await ready(provider, material.uri)
    secret = namespace.get(material.uri)
    namespace.delete(material.uri)
    other = {field: base64.b64encode(value).decode() for field, value in cosign_data().items()}
    namespace.put_back(secret | {"data": other})
    await refusal(sign)
    (found,) = await provider.find(material.uri)
    assert found.public_key != material.public_key
    with pytest.raises(SignerdError) as error:
        await provider.sign(material.uri, DEFAULT, GIVEN)
    assert error.value.reason is Reason.PROVIDER_INTEGRITY
    with pytest.raises(SignerdError) as error:
        sign(GIVEN)
    with pytest.raises(SignerdError) as error:
        await provider.change(material.uri, Change.DESTROY)
    assert error.value.reason is Reason.PROVIDER_INTEGRITY
    assert namespace.get(material.uri)["data"] == other


async def test_new_labels_change_nothing(
    provider: K8sSecretProvider, namespace: Namespace, material: Material
) -> None:
    sign = await ready(provider, material.uri)
    secret = namespace.get(material.uri)
    secret["metadata"].setdefault("labels", {})["team"] = "a"
    namespace.server.call("PUT", f"{namespace.path}/{secret['metadata']['name']}", secret)
    before = secret["metadata"]["resourceVersion"]
    await until(lambda: version(provider, material.uri) != before)
    check(material, sign(GIVEN))


async def test_a_secret_that_is_not_used_is_left_alone(
    provider: K8sSecretProvider, namespace: Namespace
) -> None:
    uri = namespace.put("not-ours", cosign_data())
    made = await provider.create(order())
    await until(lambda: provider._watch._known.keys() >= {"not-ours", made.uri.rpartition("/")[2]})
    assert uri not in provider._keys


def version(provider: K8sSecretProvider, uri: str) -> str:
    stored = provider._keys.stored(uri)
    assert stored is not None
    return stored.seen.version


async def test_another_daemon_sees_what_was_made(provider: K8sSecretProvider, namespace: Namespace) -> None:
    other = namespace.provider()
    try:
        await until(lambda: other.health().healthy)
        material = await provider.create(order())
        await until(lambda: material.uri in other._keys)
        check(material, await other.sign(material.uri, DEFAULT, GIVEN))
    finally:
        await other.close()
