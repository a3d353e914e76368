"""Keys inside of Secrets are read, opened and written; what is wrong with them is said, what they hold is not."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT, algorithm_named
from signerd.core.private_keys import PrivateKey, to_pkcs8
from signerd.core.public_keys import pem, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.providers.k8s_secret.layout import StoredKey, read_secret, secret_for

KEY = ec.derive_private_key(7, ec.SECP256R1())
OTHER = ec.derive_private_key(8, ec.SECP256R1())
PASSWORD = b"a password that must not show"
ORDER = Order("team-a/release", 1, DEFAULT, "t1", instance="i")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt is tested with cosign's format; here it would only take time."""
    monkeypatch.setattr(
        cosign_keys, "_derived", lambda password, salt, n: hashlib.sha256(password + salt).digest()
    )


def public(key: PrivateKey) -> bytes:
    return pem(spki(key.public_key())).encode()


def sealed(password: bytes = PASSWORD) -> bytes:
    return cosign_keys.encrypt(to_pkcs8(KEY), password)


def plain(key: Any, layout: PrivateFormat, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, layout, encryption)
    return text


def secret(**data: bytes) -> dict[str, Any]:
    encoded = {name.replace("_", "."): base64.b64encode(value).decode() for name, value in data.items()}
    return {"metadata": {"name": "s", "uid": "u", "resourceVersion": "5"}, "data": encoded}


def stored(**data: bytes) -> StoredKey:
    found = read_secret(secret(**data), "keys")
    assert found is not None
    return found


def test_what_is_written_can_be_read() -> None:
    made = secret_for(ORDER, "keys", KEY)
    made["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    found = read_secret(made, "keys")
    assert found is not None
    assert spki(found.unlock().public_key()) == found.public_key() == spki(KEY.public_key())
    assert (found.tags, found.algorithm) == (ORDER.tags, DEFAULT)
    assert found.seen.managed
    assert found.uri == f"k8s-secret://keys/{made['metadata']['name']}"


def test_each_secret_has_a_password_of_its_own() -> None:
    first, second = (secret_for(ORDER, "keys", KEY)["data"]["cosign.password"] for _ in range(2))
    assert first != second
    assert len(base64.b64decode(first)) >= 32


@pytest.mark.parametrize("password", [PASSWORD, b"", "pässwörd\n".encode()])
def test_secrets_of_cosign(password: bytes) -> None:
    found = stored(cosign_key=sealed(password), cosign_password=password, cosign_pub=public(KEY))
    assert spki(found.unlock().public_key()) == found.public_key()
    assert (found.tags, found.algorithm, found.seen.managed) == ({}, None, False)


@pytest.mark.parametrize(
    "text",
    [
        plain(KEY, PrivateFormat.PKCS8),
        plain(KEY, PrivateFormat.TraditionalOpenSSL),
    ],
    ids=["PKCS#8", "SEC1"],
)
def test_secrets_of_chains(text: bytes) -> None:
    found = stored(x509_pem=text)
    assert found.public_key() is None
    assert spki(found.unlock().public_key()) == spki(KEY.public_key())


def test_an_rsa_key_of_chains() -> None:
    key = rsa.generate_private_key(65537, 2048)
    found = stored(x509_pem=plain(key, PrivateFormat.TraditionalOpenSSL))
    assert spki(found.unlock().public_key()) == spki(key.public_key())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"cosign_key": sealed()}, "cosign.password is missing"),
        ({"cosign_key": sealed(), "cosign_password": b"x"}, "the password does not open"),
        ({"cosign_key": b"x", "cosign_password": b"x"}, "not PEM"),
        (
            {"cosign_key": sealed(), "cosign_password": PASSWORD, "cosign_pub": public(OTHER)},
            "does not belong to the public key",
        ),
        (
            {
                "cosign_key": sealed(),
                "cosign_password": PASSWORD,
                "x509_pem": plain(KEY, PrivateFormat.PKCS8),
            },
            "remove one",
        ),
        ({"x509_pem": plain(KEY, PrivateFormat.PKCS8, PASSWORD)}, "decrypt it first"),
        ({"x509_pem": public(KEY)}, "not a private key"),
        ({"x509_pem": b""}, "not PEM"),
    ],
)
def test_what_can_not_be_opened(data: dict[str, bytes], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # these were sealed for real
    with pytest.raises(SignerdError, match=text) as error:
        stored(**data).unlock()
    assert error.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    assert error.value.message.startswith("Secret keys/s can't be used: ")
    assert PASSWORD.decode() not in error.value.message


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"password": "eA=="},
        {"cosign.pub": "eA=="},
        {"x509.pem": "no base64!"},
        {"x509.pem": None},
        {"cosign.key": 5},
    ],
)
def test_secrets_without_a_key(data: object) -> None:
    assert read_secret({"metadata": {"name": "s"}, "data": data}, "keys") is None


def test_a_public_key_that_can_not_be_read_is_none() -> None:
    assert stored(cosign_key=b"x", cosign_pub=b"x").public_key() is None
    assert stored(cosign_key=b"x", cosign_pub=plain(KEY, PrivateFormat.PKCS8)).public_key() is None


def test_an_algorithm_is_believed_of_our_own_only() -> None:
    made = secret_for(Order("k", 1, algorithm_named("ed25519ph"), "t"), "keys", KEY)
    own = read_secret(made, "keys")
    del made["metadata"]["labels"]
    foreign = read_secret(made, "keys")
    assert own is not None
    assert foreign is not None
    assert (own.algorithm, foreign.algorithm) == (algorithm_named("ed25519ph"), None)


def test_nothing_secret_shows() -> None:
    found = stored(cosign_key=sealed(), cosign_password=PASSWORD)
    shown = repr(found) + str(found) + repr(found.material(b""))
    assert PASSWORD.decode() not in shown
    assert "PRIVATE" not in shown
