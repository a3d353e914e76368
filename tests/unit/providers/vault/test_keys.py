"""Keys as transit shows them become material; what is asked for is what the algorithm needs."""

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signerd.core.algorithms import BY_NAME, DEFAULT
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import pem, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.vault.imports import wrapped_text
from signerd.providers.vault.keys import ALGORITHMS, Key, KeyUse, materials
from signerd.providers.vault.uris import KeyUri

URI = KeyUri("transit", "release", 3)
OTHER_KIND = bytes.fromhex("300a300506032a03040301") + b"\0"
"""SubjectPublicKeyInfo of a kind of key, 1.2.3.4, that nobody knows."""
PEM = pem(spki(generate(DEFAULT).public_key()))


def key(**changes: Any) -> Key:
    fields = {
        "type": "ecdsa-p256",
        "latest_version": 1,
        "keys": {"1": {"public_key": PEM}},
        "supports_signing": True,
    }
    return msgspec.convert({**fields, **changes}, Key)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "ecdsa-p384-sha384",
            {"prehashed": True, "hash_algorithm": "sha2-384", "marshaling_algorithm": "asn1"},
        ),
        (
            "rsa-pkcs1-3072-sha256",
            {"prehashed": True, "hash_algorithm": "sha2-256", "signature_algorithm": "pkcs1v15"},
        ),
        (
            "rsa-pss-2048-sha256",
            {
                "prehashed": True,
                "hash_algorithm": "sha2-256",
                "signature_algorithm": "pss",
                "salt_length": "hash",
            },
        ),
        ("ed25519", {"prehashed": False}),
    ],
)
def test_what_goes_with_the_input(name: str, expected: dict[str, object]) -> None:
    assert KeyUse(URI, BY_NAME[name]).parameters() == {"key_version": 3, **expected}


def test_every_algorithm_can_be_asked_for() -> None:
    for algorithm in ALGORITHMS:
        assert KeyUse(URI, algorithm).parameters()["key_version"] == 3


def test_versions_are_told_by_number() -> None:
    shown = key(latest_version=11, keys={str(n): {"public_key": PEM} for n in (11, 2, 1, 10)})
    assert [one.number for one in materials(KeyUri("transit", "k"), shown)] == [1, 2, 10, 11]
    assert [one.uri for one in materials(KeyUri("transit", "k", 10), shown)] == [
        "vault-transit://transit/k?version=10"
    ]


@pytest.mark.parametrize(
    ("changes", "enabled"),
    [
        ({}, True),
        ({"min_encryption_version": 2}, False),
        ({"min_decryption_version": 2}, False),
        ({"soft_deleted": True}, False),
    ],
)
def test_what_may_not_sign_is_not_enabled(changes: dict[str, Any], enabled: bool) -> None:
    assert [one.enabled for one in materials(KeyUri("transit", "k", 1), key(**changes))] == [enabled]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"supports_signing": False, "keys": {"1": 1700000000}}, Reason.KEY_MATERIAL_UNREADABLE),
        ({"derived": True, "keys": {"1": {"public_key": ""}}}, Reason.KEY_MATERIAL_UNREADABLE),
        ({"keys": {}}, Reason.KEY_MATERIAL_UNREADABLE),
        ({"keys": {"2": {"public_key": PEM}}}, Reason.KEY_MATERIAL_UNREADABLE),
        ({"keys": {"01": {"public_key": PEM}}}, Reason.KEY_MATERIAL_UNREADABLE),
        ({"keys": {"١": {"public_key": PEM}}}, Reason.KEY_MATERIAL_UNREADABLE),  # noqa: RUF001
        ({"keys": {"9" * 5000: {"public_key": PEM}}}, Reason.KEY_MATERIAL_UNREADABLE),
        ({"keys": {"1": {"public_key": pem(OTHER_KIND)}}}, Reason.PROVIDER_INTEGRITY),
        ({"keys": {"1": {"public_key": ""}}}, Reason.PROVIDER_INTEGRITY),
        ({"keys": {"1": {"public_key": "AAAA"}}}, Reason.PROVIDER_INTEGRITY),
        ({"keys": {"1": {"public_key": "%%%"}}}, Reason.PROVIDER_INTEGRITY),
        ({"keys": {"1": {"public_key": "-----BEGIN PUBLIC KEY-----\nAAAA"}}}, Reason.PROVIDER_INTEGRITY),
        ({"keys": {"1": {"public_key": pem(b"")}}}, Reason.PROVIDER_INTEGRITY),
        ({"keys": {"1": 1700000000}}, Reason.PROVIDER_INTEGRITY),
    ],
)
def test_what_is_no_material(changes: dict[str, Any], expected: Reason) -> None:
    with pytest.raises(SignerdError) as refused:
        materials(KeyUri("transit", "k", 1), key(**changes))
    assert refused.value.reason is expected


def test_a_key_of_another_kind_is_strange() -> None:
    der = (
        x25519.X25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(SignerdError) as refused:
        materials(KeyUri("transit", "k", 1), key(keys={"1": {"public_key": pem(der)}}))
    assert refused.value.reason is Reason.PROVIDER_INTEGRITY


def test_a_private_key_travels_wrapped() -> None:
    wrapping = rsa.generate_private_key(65537, 4096)
    private_key = to_pkcs8(ed25519.Ed25519PrivateKey.generate())

    raw = base64.b64decode(wrapped_text(pem(spki(wrapping.public_key())), private_key))
    ephemeral = wrapping.decrypt(raw[:512], padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
    assert len(ephemeral) == 32
    assert aes_key_unwrap_with_padding(ephemeral, raw[512:]) == private_key
    assert private_key not in raw


@pytest.mark.parametrize(
    "wrapping_key", [PEM, pem(spki(generate(BY_NAME["rsa-pss-2048-sha256"]).public_key())), "junk"]
)
def test_no_key_travels_under_a_weak_wrapping_key(wrapping_key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        wrapped_text(wrapping_key, b"private")
