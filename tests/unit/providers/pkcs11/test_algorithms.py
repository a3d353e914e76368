"""PKCS#11's names for the algorithms, and what a mechanism list means."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from signerd.core.algorithms import BY_NAME, DEFAULT, TABLE, Algorithm, Family
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, Mu
from signerd.errors import Reason, SignerdError
from signerd.providers.pkcs11.algorithms import (
    UPPER_BOUND,
    curve_size,
    generates,
    parameters_of,
    salt_hash,
    scheme_of,
    signature_of,
    supported,
    to_sign,
)

ALL = {scheme_of(one).mechanism: (0, 0) for one in UPPER_BOUND}


def names(mechanisms: dict[str, tuple[int, int]]) -> list[str]:
    return [str(one) for one in supported(mechanisms)]


def test_all_but_ed25519ph_are_known() -> None:
    assert [one for one in TABLE if one not in UPPER_BOUND] == [BY_NAME["ed25519ph"]]
    assert supported(ALL) == UPPER_BOUND
    with pytest.raises(SignerdError) as caught:
        scheme_of(BY_NAME["ed25519ph"])
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


def test_what_a_token_signs_with_follows_from_its_mechanisms() -> None:
    assert names({}) == []
    assert names({"ECDSA": (256, 384)}) == ["ecdsa-p256-sha256", "ecdsa-p384-sha384"]
    assert names({"RSA_PKCS": (2048, 2048), "AES_GCM": (0, 0)}) == ["rsa-pkcs1-2048-sha256"]
    assert names({"RSA_PKCS_PSS": (3072, 0)}) == ["rsa-pss-3072-sha256", "rsa-pss-4096-sha256"]
    # Tokens tell sizes of Edwards curves in different ways: 255, 256, 32.
    assert names({"EDDSA": (32, 57)}) == ["ed25519"]


def test_signing_is_not_making() -> None:
    assert not generates(DEFAULT, {"ECDSA": (256, 521)})
    assert generates(DEFAULT, {"EC_KEY_PAIR_GEN": (256, 521)})


def test_pkcs1_gets_a_digest_info() -> None:
    key = rsa.generate_private_key(65537, 2048)
    digest = hashlib.sha256(b"x").digest()
    info = to_sign(BY_NAME["rsa-pkcs1-2048-sha256"], Digest(Hash.SHA256, digest))
    numbers = key.private_numbers()
    # RFC 8017, 9.2: what the mechanism does with it.
    padded = int.from_bytes(b"\0\1" + b"\xff" * (256 - 3 - len(info)) + b"\0" + info, "big")
    signature = pow(padded, numbers.d, numbers.public_numbers.n).to_bytes(256, "big")
    key.public_key().verify(signature, b"x", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "rsa-pss-2048-sha256"])
def test_others_get_the_digest(name: str) -> None:
    assert to_sign(BY_NAME[name], Digest(Hash.SHA256, bytes(32))) == bytes(32)


def test_messages_are_signed_whole_and_mu_is_refused() -> None:
    assert to_sign(BY_NAME["ed25519"], Message(b"abc")) == b"abc"
    with pytest.raises(SignerdError) as caught:
        to_sign(BY_NAME["ml-dsa-65"], Mu(bytes(64)))
    assert caught.value.reason is Reason.MU_NOT_ACCEPTED


def test_pss_alone_names_its_hash() -> None:
    assert {salt_hash(one) for one in UPPER_BOUND if one.family is Family.RSA_PSS} == {"sha256"}
    assert {salt_hash(one) for one in UPPER_BOUND if one.family is not Family.RSA_PSS} == {""}


@pytest.mark.parametrize("algorithm", [one for one in TABLE if one.family is Family.ECDSA], ids=str)
def test_ecdsa_comes_back_as_der(algorithm: Algorithm) -> None:
    size = (algorithm.size + 7) // 8
    raw = (5).to_bytes(size, "big") + (7).to_bytes(size, "big")
    assert decode_dss_signature(signature_of(algorithm, raw)) == (5, 7)
    assert curve_size(parameters_of(algorithm)) == algorithm.size


@pytest.mark.parametrize("raw", [b"", bytes(63), bytes(64), b"\xff" * 64])
def test_what_is_no_signature_is_not_released(raw: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        signature_of(DEFAULT, raw)
    assert caught.value.reason is Reason.PROVIDER_INTEGRITY


def test_curves_signerd_does_not_use() -> None:
    assert curve_size(b"") == 0
    assert curve_size(bytes.fromhex("06052b8104000a")) == 0  # secp256k1
    assert curve_size(parameters_of(BY_NAME["ed25519"])) == 0
