"""What AWS KMS calls the algorithms."""

from __future__ import annotations

import pytest
from botocore.session import get_session

from signerd.core.algorithms import BY_NAME, TABLE, Family
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, Mu
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.table import (
    ALGORITHMS,
    QUOTAS,
    ROWS,
    SPECS,
    row_of,
    tied_algorithm,
    wire_form,
)

EXPECTED = {
    "ecdsa-p256-sha256": ("ECC_NIST_P256", "ECDSA_SHA_256"),
    "ecdsa-p384-sha384": ("ECC_NIST_P384", "ECDSA_SHA_384"),
    "ecdsa-p521-sha512": ("ECC_NIST_P521", "ECDSA_SHA_512"),
    "rsa-pkcs1-2048-sha256": ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"),
    "rsa-pss-2048-sha256": ("RSA_2048", "RSASSA_PSS_SHA_256"),
    "rsa-pkcs1-3072-sha256": ("RSA_3072", "RSASSA_PKCS1_V1_5_SHA_256"),
    "rsa-pss-3072-sha256": ("RSA_3072", "RSASSA_PSS_SHA_256"),
    "rsa-pkcs1-4096-sha256": ("RSA_4096", "RSASSA_PKCS1_V1_5_SHA_256"),
    "rsa-pss-4096-sha256": ("RSA_4096", "RSASSA_PSS_SHA_256"),
    "ml-dsa-44": ("ML_DSA_44", "ML_DSA_SHAKE_256"),
    "ml-dsa-65": ("ML_DSA_65", "ML_DSA_SHAKE_256"),
    "ml-dsa-87": ("ML_DSA_87", "ML_DSA_SHAKE_256"),
}


def test_every_algorithm_that_kms_has() -> None:
    assert {row.algorithm.name: (row.spec, row.signing) for row in ROWS.values()} == EXPECTED


def test_the_names_are_ones_of_the_service_model() -> None:
    model = get_session().get_service_model("kms")
    assert set(model.shape_for("KeySpec").enum) >= SPECS  # type: ignore[attr-defined]
    signing = {row.signing for row in ROWS.values()}
    assert signing <= set(model.shape_for("SigningAlgorithmSpec").enum)  # type: ignore[attr-defined]
    types = {wire_form(given)[1] for given in (Message(b""), Mu(bytes(64)), Digest(Hash.SHA256, bytes(32)))}
    assert types <= set(model.shape_for("MessageType").enum)  # type: ignore[attr-defined]


def test_each_kind_of_key_has_its_quota() -> None:
    assert {"ecc", "rsa", "ml-dsa"} == QUOTAS
    assert row_of(BY_NAME["ecdsa-p521-sha512"]).quota == "ecc"
    assert row_of(BY_NAME["rsa-pss-2048-sha256"]).quota == row_of(BY_NAME["rsa-pkcs1-4096-sha256"]).quota


@pytest.mark.parametrize("algorithm", [row for row in TABLE if row not in ALGORITHMS], ids=str)
def test_others_are_refused_with_what_could_be_had(algorithm: object) -> None:
    with pytest.raises(SignerdError) as caught:
        row_of(algorithm)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED
    assert caught.value.field == "algorithm"
    assert all(name in caught.value.message for name in EXPECTED)


@pytest.mark.parametrize(
    ("spec", "algorithm"),
    [("ECC_NIST_P384", "ecdsa-p384-sha384"), ("ML_DSA_87", "ml-dsa-87"), ("RSA_2048", None), ("SM2", None)],
)
def test_rsa_keys_are_not_tied_to_a_padding(spec: str, algorithm: str | None) -> None:
    assert tied_algorithm(spec) is (BY_NAME[algorithm] if algorithm else None)


def test_ml_dsa_keys_are_not_taken_in() -> None:
    assert {row.algorithm.family for row in ROWS.values() if not row.imports} == {Family.ML_DSA}


def test_the_wire_form_of_each_input() -> None:
    assert wire_form(Message(b"abc")) == (b"abc", "RAW")
    assert wire_form(Mu(b"m" * 64)) == (b"m" * 64, "EXTERNAL_MU")
    assert wire_form(Digest(Hash.SHA384, b"d" * 48)) == (b"d" * 48, "DIGEST")
