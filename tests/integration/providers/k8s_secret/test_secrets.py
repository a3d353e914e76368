"""What signerd makes of a Secret, and what it takes from those of others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import pem, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change
from signerd.providers.k8s_secret.provider import K8sSecretProvider
from tests.integration.providers.k8s_secret.conftest import GIVEN, Namespace, check, order
from tests.support.servers.kubernetes import Refused

LONG = "/".join(["a" * 30] * 4)


async def test_what_is_made(provider: K8sSecretProvider, namespace: Namespace) -> None:
    material = await provider.create(order())
    secret = namespace.get(material.uri)
    assert secret["immutable"] is True
    assert secret["type"] == "Opaque"
    assert set(secret["data"]) == {"cosign.key", "cosign.password", "cosign.pub"}
    assert secret["metadata"]["annotations"] == {
        "signerd.dev/instance": "instance-1",
        "signerd.dev/key": "team-a/release",
        "signerd.dev/version": "1",
        "signerd.dev/tag": "t1",
        "signerd.dev/algorithm": "ecdsa-p256-sha256",
    }
    assert material.uri.startswith(f"k8s-secret://{namespace.name}/signerd-team-a-release-1-")
    assert material.algorithm is DEFAULT


async def test_it_is_found_by_its_labels(provider: K8sSecretProvider, namespace: Namespace) -> None:
    material = await provider.create(order(key=LONG))
    labels = namespace.get(material.uri)["metadata"]["labels"]
    assert labels["signerd.dev/key"].startswith("sha256-")
    selector = ",".join(f"{name}%3D{value}" for name, value in labels.items())
    found = namespace.server.call("GET", f"{namespace.path}?labelSelector={selector}")["items"]
    assert [namespace.uri(one["metadata"]["name"]) for one in found] == [material.uri]
    assert (await provider.find(material.uri))[0].tags == order(key=LONG).tags


async def test_a_lost_answer_is_found_again(provider: K8sSecretProvider) -> None:
    made = await provider.create(order())
    with pytest.raises(SignerdError) as error:
        await provider.create(order())
    assert error.value.reason is Reason.KEY_EXISTS
    assert [one.tags for one in await provider.held()] == [made.tags]
    assert (await provider.create(order("t2"))).uri != made.uri


async def test_instances_do_not_get_in_each_others_way(provider: K8sSecretProvider) -> None:
    made = await provider.create(order())
    other = await provider.create(replace(order(), instance="instance-2"))
    assert made.uri != other.uri


@pytest.mark.parametrize(
    ("encoding", "label"),
    [(PrivateFormat.PKCS8, "PRIVATE KEY"), (PrivateFormat.TraditionalOpenSSL, "EC PRIVATE KEY")],
)
async def test_the_secret_of_chains_is_adopted(
    provider: K8sSecretProvider, namespace: Namespace, encoding: PrivateFormat, label: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(Encoding.PEM, encoding, NoEncryption())
    assert f"BEGIN {label}".encode() in text
    uri = namespace.put("signing-secrets", {"x509.pem": text})
    (material,) = await provider.find(uri)
    assert (material.public_key, dict(material.tags), material.algorithm) == (
        spki(key.public_key()),
        {},
        None,
    )
    check(material, await provider.sign(uri, DEFAULT, GIVEN))
    assert [one.uri for one in await provider.held()] == [uri]


async def test_what_is_missing_is_said(provider: K8sSecretProvider, namespace: Namespace) -> None:
    key = generate(DEFAULT)
    sealed = cosign_keys.encrypt(to_pkcs8(key), b"x")
    public = pem(spki(key.public_key())).encode()
    no_password = namespace.put("no-password", {"cosign.key": sealed, "cosign.pub": public})
    wrong = {"cosign.key": sealed, "cosign.pub": public, "cosign.password": b"y"}
    texts = {
        no_password: "cosign.password is missing",
        namespace.put("wrong", wrong): "the password does not open",
        namespace.put("no-key", {"cosign.pub": public}): "neither cosign.key nor x509.pem",
        namespace.uri("nobody"): "does not exist",
    }
    for uri, text in texts.items():
        with pytest.raises(SignerdError, match=text) as error:
            await provider.sign(uri, DEFAULT, GIVEN)
        assert error.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert {one.uri for one in await provider.held()} == {no_password, namespace.uri("wrong")}


async def test_other_secrets_are_none_of_ours(provider: K8sSecretProvider, namespace: Namespace) -> None:
    certificate = {"tls.crt": b"x", "tls.key": b"y"}
    namespace.put("certificate", certificate, type="kubernetes.io/tls")
    namespace.put("password", {"password": b"z"})
    assert await provider.held() == []


async def test_destroyed_for_good(provider: K8sSecretProvider, namespace: Namespace) -> None:
    material = await provider.create(order())
    await provider.sign(material.uri, DEFAULT, GIVEN)
    await provider.change(material.uri, Change.DESTROY)
    await provider.change(material.uri, Change.DESTROY)
    with pytest.raises(Refused):
        namespace.get(material.uri)
    with pytest.raises(SignerdError) as error:
        await provider.sign(material.uri, DEFAULT, GIVEN)
    assert error.value.reason is Reason.KEY_MATERIAL_UNREADABLE
