"""Algorithms of Cloud KMS."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from google.cloud import kms_v1  # noqa: TID251 - the names are the API's

from signerd.core.algorithms import TABLE, Algorithm, algorithm_named
from signerd.core.inputs import Message, Mu, SigningInput, prepare
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.providers.gcp_kms.algorithms import (
    ALGORITHMS,
    algorithm_of,
    is_post_quantum,
    member_of,
    name_of,
    spki_of,
)

KINDS: Any = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
NAMES = {
    "ecdsa-p256-sha256": "EC_SIGN_P256_SHA256",
    "ecdsa-p384-sha384": "EC_SIGN_P384_SHA384",
    "rsa-pkcs1-3072-sha256": "RSA_SIGN_PKCS1_3072_SHA256",
    "rsa-pss-4096-sha256": "RSA_SIGN_PSS_4096_SHA256",
    "ed25519": "EC_SIGN_ED25519",
    "ml-dsa-87": "PQ_SIGN_ML_DSA_87_EXTERNAL_MU",
}


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_every_name_is_one_of_the_api_and_leads_back(algorithm: Algorithm) -> None:
    assert name_of(algorithm) in KINDS.__members__
    assert algorithm_of(name_of(algorithm)) is algorithm


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    assert name_of(algorithm_named(name)) == NAMES[name]


def test_what_cloud_kms_lacks_is_refused_with_what_it_has() -> None:
    lacking = [row for row in TABLE if row not in ALGORITHMS]
    assert [row.name for row in lacking] == ["ecdsa-p521-sha512", "ed25519ph"]
    for row in lacking:
        with pytest.raises(SignerdError) as caught:
            name_of(row)
        assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED
        assert "ecdsa-p384-sha384" in caught.value.message


@pytest.mark.parametrize("kind", list(KINDS.__members__))
def test_no_other_name_of_the_api_is_mistaken(kind: str) -> None:
    found = algorithm_of(kind)
    if found is not None:
        assert kind.removesuffix("_EXTERNAL_MU") == name_of(found).removesuffix("_EXTERNAL_MU")


def test_versions_of_others_may_be_ml_dsa_without_mu() -> None:
    assert algorithm_of("PQ_SIGN_ML_DSA_65") is algorithm_named("ml-dsa-65")
    assert is_post_quantum("PQ_SIGN_ML_DSA_65")
    assert not is_post_quantum("EC_SIGN_ED25519")


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_inputs_go_into_the_member_that_the_api_names(algorithm: Algorithm) -> None:
    given = prepare(algorithm, Message(b"m"))
    member, value = member_of(algorithm, given)
    assert member == (algorithm.hash.value if algorithm.hash else "data")
    assert value == (algorithm.hash.digest(b"m") if algorithm.hash else b"m")


def test_mu_has_a_member_of_its_own() -> None:
    given: SigningInput = Mu(bytes(64))
    assert member_of(algorithm_named("ml-dsa-44"), given) == ("external_mu", bytes(64))


def test_messages_have_a_largest_size() -> None:
    ed25519 = algorithm_named("ed25519")
    assert member_of(ed25519, Message(bytes(65_536)))[1] == bytes(65_536)
    with pytest.raises(SignerdError) as caught:
        member_of(ed25519, Message(bytes(65_537)))
    assert caught.value.reason is Reason.REQUEST_TOO_LARGE
    assert "65536" in caught.value.message


@pytest.mark.parametrize(("size", "kind"), [(44, mldsa.MLDSA44PrivateKey), (65, mldsa.MLDSA65PrivateKey)])
def test_raw_public_keys_become_those_of_cryptography(size: int, kind: Any) -> None:
    public_key = kind.generate().public_key()
    raw = public_key.public_bytes_raw()
    assert spki_of(f"PQ_SIGN_ML_DSA_{size}", raw) == spki(public_key)
