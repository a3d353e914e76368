import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.algorithms import TABLE, Algorithm, algorithm_named
from signerd.core.jwks import jose_name, jwk
from signerd.core.private_keys import generate
from signerd.core.public_keys import (
    fits,
    key_id,
    load_public_key,
    pem,
    spki,
    ssh_fingerprint,
    usual_algorithm,
)
from signerd.errors import Reason, SignerdError

CHAINS = Path(__file__).parents[2] / "vectors" / "chains"
P256 = algorithm_named("ecdsa-p256-sha256")
SMALL = [row for row in TABLE if row.size <= 2048]


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")


def test_the_fingerprint_is_the_one_that_chains_writes() -> None:
    text = (CHAINS / "signer.pub").read_text()
    der = base64.b64decode("".join(text.splitlines()[1:-1]))
    key = load_public_key(der, P256)
    assert ssh_fingerprint(key) == "SHA256:DCJQ6D0mrGAUh84xDokyRUNSNkEOa6fyv29g0Y9hFi0"
    assert pem(der) == text.strip() + "\n"
    assert spki(key) == der
    assert key_id(der) == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("algorithm", SMALL, ids=str)
def test_keys_are_read_back(algorithm: Algorithm) -> None:
    key = generate(algorithm).public_key()
    assert load_public_key(spki(key), algorithm) == key
    assert load_pem_public_key(pem(spki(key)).encode()) == key
    assert ssh_fingerprint(key).startswith("SHA256:") is not algorithm.name.startswith("ml-dsa")


def test_a_key_fits_the_algorithms_of_its_family_and_size_only() -> None:
    expected = {
        "ecdsa-p256-sha256": {"ecdsa-p256-sha256"},
        "rsa-pkcs1-2048-sha256": {"rsa-pkcs1-2048-sha256", "rsa-pss-2048-sha256"},
        "ed25519": {"ed25519", "ed25519ph"},
        "ml-dsa-44": {"ml-dsa-44"},
    }
    for name, wanted in expected.items():
        key = generate(algorithm_named(name)).public_key()
        assert {row.name for row in TABLE if fits(key, row)} == wanted


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(3, 2048),
        lambda: rsa.generate_private_key(65537, 1024),
        x25519.X25519PrivateKey.generate,
        lambda: dsa.generate_private_key(1024),
    ],
    ids=["secp256k1", "p384", "exponent 3", "rsa 1024", "x25519", "dsa"],
)
@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "rsa-pkcs1-2048-sha256"])
def test_other_keys_are_refused(make: Callable[[], Any], name: str) -> None:
    der = make().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(SignerdError) as caught:
        load_public_key(der, algorithm_named(name))
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


@pytest.mark.parametrize(
    ("made", "usual"),
    [
        ("rsa-pss-2048-sha256", "rsa-pkcs1-2048-sha256"),
        ("ed25519ph", "ed25519"),
        ("ecdsa-p521-sha512", "ecdsa-p521-sha512"),
        ("ml-dsa-87", "ml-dsa-87"),
    ],
)
def test_the_usual_algorithm_of_a_public_key(made: str, usual: str) -> None:
    key = generate(algorithm_named(made)).public_key()
    assert usual_algorithm(spki(key)).name == usual


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256K1()),
        lambda: rsa.generate_private_key(3, 2048),
        x25519.X25519PrivateKey.generate,
    ],
    ids=["secp256k1", "exponent 3", "x25519"],
)
def test_keys_that_no_algorithm_is_usual_for(make: Callable[[], Any]) -> None:
    der = make().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(SignerdError) as caught:
        usual_algorithm(der)
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


@given(st.binary(max_size=200))
def test_bytes_that_are_no_key(der: bytes) -> None:
    for read in (usual_algorithm, lambda data: load_public_key(data, P256)):
        with pytest.raises(SignerdError) as caught:
            read(der)
        assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


@pytest.mark.parametrize(("size", "curve"), [(256, "P-256"), (384, "P-384"), (521, "P-521")])
def test_jwk_of_ec_has_full_length_coordinates(size: int, curve: str) -> None:
    algorithm = next(row for row in TABLE if row.size == size)
    lengths = set()
    for _ in range(12):
        key = generate(algorithm).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        made = jwk(key, algorithm)
        assert (number(made["x"]), number(made["y"])) == (key.public_numbers().x, key.public_numbers().y)
        lengths |= {len(base64.urlsafe_b64decode(made[name] + "==")) for name in "xy"}
    assert lengths == {(size + 7) // 8}
    assert (made["kty"], made["crv"], made["use"]) == ("EC", curve, "sig")
    assert made["kid"] == key_id(spki(key))


def test_jwk_coordinates_keep_leading_zeros() -> None:
    scalar = next(
        d
        for d in range(1, 5000)
        if ec.derive_private_key(d, ec.SECP256R1()).public_key().public_numbers().x >> 248 == 0
    )
    made = jwk(ec.derive_private_key(scalar, ec.SECP256R1()).public_key(), P256)
    assert len(made["x"]) == 43


def test_jwk_of_rsa() -> None:
    algorithm = algorithm_named("rsa-pss-2048-sha256")
    key = generate(algorithm).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    made = jwk(key, algorithm)
    assert made["alg"] == "PS256"
    assert (made["kty"], number(made["n"]), made["e"]) == ("RSA", key.public_numbers().n, "AQAB")


def test_jwk_of_ed25519_is_the_one_of_rfc_8037() -> None:
    """RFC 8037, appendix A.2."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key()
    made = jwk(key, algorithm_named("ed25519"))
    assert made["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert (made["kty"], made["crv"], made["alg"]) == ("OKP", "Ed25519", "EdDSA")
    assert "alg" not in jwk(key, algorithm_named("ed25519ph"))


def test_jwk_of_ml_dsa() -> None:
    algorithm = algorithm_named("ml-dsa-65")
    made = jwk(generate(algorithm).public_key(), algorithm)
    assert (made["kty"], made["alg"]) == ("AKP", "ML-DSA-65")
    assert len(base64.urlsafe_b64decode(made["pub"] + "==")) == 1952


def test_jose_names() -> None:
    names = {row.name: jose_name(row) for row in TABLE}
    assert names["ecdsa-p521-sha512"] == "ES512"
    assert names["rsa-pkcs1-4096-sha256"] == "RS256"
    assert [name for name, jose in names.items() if not jose] == ["ed25519ph"]
