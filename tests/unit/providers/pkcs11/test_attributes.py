"""Keys become attributes of objects and come back, in the ways that modules write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding

from signerd.core.algorithms import BY_NAME, DEFAULT, Algorithm
from signerd.core.private_keys import PrivateKey, generate, to_pkcs8
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.providers.pkcs11.attributes import halves, public_key
from signerd.providers.pkcs11.frames import TokenKey

NAMES = ["ecdsa-p256-sha256", "ecdsa-p384-sha384", "ecdsa-p521-sha512", "rsa-pss-2048-sha256", "ed25519"]
TYPES = {"ecdsa": "EC", "rsa": "RSA", "ed25519": "EC_EDWARDS"}
ALGORITHMS = pytest.mark.parametrize("algorithm", [BY_NAME[name] for name in NAMES], ids=str)


def token_key(algorithm: Algorithm, public: dict[str, bytes], certificate: bytes = b"") -> TokenKey:
    return TokenKey("k", b"\1", TYPES[algorithm.name.partition("-")[0]], public, certificate)


def certificate_of(key: PrivateKey | x25519.X25519PrivateKey) -> bytes:
    now, name = datetime.now(UTC), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


def unreadable(key: TokenKey) -> str:
    with pytest.raises(SignerdError) as caught:
        public_key(key)
    assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE
    return caught.value.message


@ALGORITHMS
def test_the_public_half_of_a_key_comes_back(algorithm: Algorithm) -> None:
    key = generate(algorithm)
    private, public = halves(to_pkcs8(key), algorithm)
    assert public_key(token_key(algorithm, public)) == spki(key.public_key())
    assert ("VALUE" in private) is ("EC_POINT" in public)
    assert "VALUE" not in public
    assert "PRIVATE_EXPONENT" not in public


@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "ecdsa-p384-sha384", "ecdsa-p521-sha512", "ed25519"])
def test_points_without_der_are_taken(name: str) -> None:
    algorithm = BY_NAME[name]
    key = generate(algorithm)
    _, public = halves(to_pkcs8(key), algorithm)
    raw = public["EC_POINT"][3 if name.startswith("ecdsa-p521") else 2 :]
    assert public_key(token_key(algorithm, public | {"EC_POINT": raw})) == spki(key.public_key())


def test_private_values_have_the_curves_length() -> None:
    key = ec.derive_private_key(5, ec.SECP521R1())
    private, public = halves(to_pkcs8(key), BY_NAME["ecdsa-p521-sha512"])
    assert private["VALUE"] == (5).to_bytes(66, "big")
    assert public["EC_POINT"][:4] == b"\x04\x81\x85\x04"


@ALGORITHMS
def test_a_certificate_stands_in_for_the_public_half(algorithm: Algorithm) -> None:
    key = generate(algorithm)
    assert public_key(token_key(algorithm, {}, certificate_of(key))) == spki(key.public_key())


def test_what_is_on_the_token_goes_before_the_certificate() -> None:
    key = generate(DEFAULT)
    _, public = halves(to_pkcs8(key), DEFAULT)
    other = certificate_of(generate(DEFAULT))
    assert public_key(token_key(DEFAULT, public, other)) == spki(key.public_key())


def test_ml_dsa_is_told_by_the_length_of_the_key() -> None:
    key = generate(BY_NAME["ml-dsa-65"])
    value = key.public_key().public_bytes_raw()  # type: ignore[union-attr]
    assert public_key(TokenKey("k", b"\1", "ML_DSA", {"VALUE": value})) == spki(key.public_key())
    with pytest.raises(SignerdError) as caught:
        halves(to_pkcs8(key), BY_NAME["ml-dsa-65"])
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


@pytest.mark.parametrize("key_type", ["EC", "EC_EDWARDS", "RSA", "ML_DSA", "unknown"])
def test_nothing_to_read_a_public_key_from(key_type: str) -> None:
    assert "no public key object and no certificate" in unreadable(TokenKey("k", b"\1", key_type, {}))


def test_a_certificate_of_another_kind_of_key() -> None:
    certificate = certificate_of(x25519.X25519PrivateKey.generate())
    assert "no certificate" in unreadable(token_key(DEFAULT, {}, certificate))


@pytest.mark.parametrize(
    "point",
    [
        b"\4",
        b"\4\3\2",
        b"\4\x41" + bytes(65),
        b"\4\x41\4" + b"\xff" * 64,
        b"\5\x41\4" + bytes(64),
        b"\4\x82\1",
    ],
)
def test_points_that_are_none(point: bytes) -> None:
    _, public = halves(to_pkcs8(generate(DEFAULT)), DEFAULT)
    assert "can't be decoded" in unreadable(token_key(DEFAULT, public | {"EC_POINT": point}))


def test_a_curve_signerd_does_not_use() -> None:
    _, public = halves(to_pkcs8(generate(DEFAULT)), DEFAULT)
    secp256k1 = bytes.fromhex("06052b8104000a")
    assert "no public key object" in unreadable(token_key(DEFAULT, public | {"EC_PARAMS": secp256k1}))
