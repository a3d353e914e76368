"""Every algorithm signs and verifies; other bytes, other keys and other encodings do not."""

from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.core.algorithms import TABLE, Algorithm, Family, algorithm_named
from signerd.core.digests import Digest, Hash
from signerd.core.hashers import hasher_for
from signerd.core.inputs import Message, Mu, SigningInput, prepare
from signerd.core.private_keys import PrivateKey, generate
from signerd.core.public_keys import CURVES
from signerd.core.signatures import p1363_to_der, signer, verifier
from signerd.errors import Reason, SignerdError

BY_ROW = pytest.mark.parametrize("algorithm", TABLE, ids=str)
P256 = algorithm_named("ecdsa-p256-sha256")


@cache
def _of_size(kind: str, size: int) -> PrivateKey:
    return generate(next(row for row in TABLE if row.family.value.startswith(kind) and row.size == size))


def key_of(algorithm: Algorithm) -> PrivateKey:
    return _of_size(algorithm.family.value[:3], algorithm.size)


def refused(algorithm: Algorithm, given: SigningInput, signature: bytes) -> Reason:
    with pytest.raises(SignerdError) as caught:
        verifier(key_of(algorithm).public_key(), algorithm)(given, signature)
    return caught.value.reason


@BY_ROW
def test_what_is_signed_verifies(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    given = prepare(algorithm, Message(b"some bytes"))
    signature = signer(key, algorithm)(given)
    verifier(key.public_key(), algorithm)(given, signature)


@BY_ROW
def test_other_bytes_do_not_verify(algorithm: Algorithm) -> None:
    signature = signer(key_of(algorithm), algorithm)(prepare(algorithm, Message(b"some bytes")))
    other = prepare(algorithm, Message(b"some bytez"))
    assert refused(algorithm, other, signature) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize("algorithm", [row for row in TABLE if row.size <= 2048], ids=str)
def test_another_key_does_not_verify(algorithm: Algorithm) -> None:
    given = prepare(algorithm, Message(b"some bytes"))
    signature = signer(generate(algorithm), algorithm)(given)
    assert refused(algorithm, given, signature) is Reason.SIGNATURE_MISMATCH


@BY_ROW
@pytest.mark.parametrize("signature", [b"", b"x", bytes(10_000)], ids=["empty", "short", "long"])
def test_what_is_no_signature_is_malformed(algorithm: Algorithm, signature: bytes) -> None:
    given = prepare(algorithm, Message(b"some bytes"))
    assert refused(algorithm, given, signature) is Reason.SIGNATURE_MALFORMED


@BY_ROW
def test_a_flipped_bit_does_not_verify(algorithm: Algorithm) -> None:
    given = prepare(algorithm, Message(b"some bytes"))
    signature = bytearray(signer(key_of(algorithm), algorithm)(given))
    signature[-1] ^= 1
    assert refused(algorithm, given, bytes(signature)) is Reason.SIGNATURE_MISMATCH


@BY_ROW
def test_an_input_that_was_not_prepared_is_neither_signed_nor_verified(algorithm: Algorithm) -> None:
    """The last line of defence: a digest must never be signed as if it were the message."""
    wrong_hash = Hash.SHA256 if algorithm.hash is not Hash.SHA256 else Hash.SHA512
    inputs: list[SigningInput] = [Digest(wrong_hash, bytes(wrong_hash.size))]
    if algorithm.family is not Family.ML_DSA:
        inputs.append(Mu(bytes(64)))
    if algorithm.hash is not None:
        inputs.append(Message(b"some bytes"))
    good = signer(key_of(algorithm), algorithm)(prepare(algorithm, Message(b"some bytes")))
    for unprepared in inputs:
        with pytest.raises(SignerdError) as caught:
            signer(key_of(algorithm), algorithm)(unprepared)
        assert caught.value.reason is Reason.INTERNAL
        assert refused(algorithm, unprepared, good) is Reason.INTERNAL


@pytest.mark.parametrize("name", ["rsa-pss-2048-sha256", "ecdsa-p384-sha384", "ed25519", "ml-dsa-44"])
def test_a_key_of_another_algorithm_is_refused(name: str) -> None:
    for build in (
        lambda: signer(key_of(P256), algorithm_named(name)),
        lambda: verifier(key_of(P256).public_key(), algorithm_named(name)),
    ):
        with pytest.raises(SignerdError) as caught:
            build()
        assert caught.value.reason is Reason.ALGORITHM_UNSUPPORTED


def test_ml_dsa_signs_mu_and_message_alike() -> None:
    algorithm = algorithm_named("ml-dsa-65")
    key = key_of(algorithm)
    hasher = hasher_for(algorithm, key.public_key())
    hasher.update(b"some bytes")
    mu = hasher.finish()
    check = verifier(key.public_key(), algorithm)
    check(Message(b"some bytes"), signer(key, algorithm)(mu))
    check(mu, signer(key, algorithm)(Message(b"some bytes")))


@pytest.mark.parametrize("salt", [0, 20, padding.PSS.MAX_LENGTH])
def test_pss_takes_no_other_salt_length(salt: int) -> None:
    algorithm = algorithm_named("rsa-pss-2048-sha256")
    key = key_of(algorithm)
    assert isinstance(key, rsa.RSAPrivateKey)
    given = prepare(algorithm, Message(b"some bytes"))
    assert isinstance(given, Digest)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    signature = key.sign(given.value, scheme, Prehashed(hashes.SHA256()))
    assert refused(algorithm, given, signature) is Reason.SIGNATURE_MISMATCH


def test_pkcs1_and_pss_are_not_mixed_up() -> None:
    pkcs1, pss = algorithm_named("rsa-pkcs1-2048-sha256"), algorithm_named("rsa-pss-2048-sha256")
    given = prepare(pkcs1, Message(b"some bytes"))
    assert refused(pss, given, signer(key_of(pkcs1), pkcs1)(given)) is Reason.SIGNATURE_MISMATCH


def test_ecdsa_signatures_are_der_and_nothing_else() -> None:
    given = prepare(P256, Message(b"some bytes"))
    signature = signer(key_of(P256), P256)(given)
    r, s = decode_dss_signature(signature)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert refused(P256, given, raw) is Reason.SIGNATURE_MALFORMED
    assert refused(P256, given, signature + b"\0") is Reason.SIGNATURE_MALFORMED
    assert refused(P256, given, encode_dss_signature(0, 0)) is Reason.SIGNATURE_MALFORMED


@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "ecdsa-p384-sha384", "ecdsa-p521-sha512"])
def test_r_and_s_become_der(name: str) -> None:
    algorithm = algorithm_named(name)
    size = (algorithm.size + 7) // 8
    given = prepare(algorithm, Message(b"some bytes"))
    signature = signer(key_of(algorithm), algorithm)(given)
    r, s = decode_dss_signature(signature)
    assert p1363_to_der(r.to_bytes(size, "big") + s.to_bytes(size, "big"), algorithm) == signature


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_r_and_s_are_below_the_order(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    order = ec.SECP256R1().group_order
    if 0 < r < order and 0 < s < order:
        assert decode_dss_signature(p1363_to_der(raw, P256)) == (r, s)
    else:
        with pytest.raises(SignerdError, match="order of the curve"):
            p1363_to_der(raw, P256)


@pytest.mark.parametrize("size", [256, 384, 521])
@pytest.mark.parametrize("edge", ["r zero", "s zero", "r order", "s order"])
def test_edges_of_r_and_s(size: int, edge: str) -> None:
    algorithm = next(row for row in TABLE if row.family is Family.ECDSA and row.size == size)
    bad = 0 if "zero" in edge else CURVES[size]().group_order
    pair = (bad, 1) if edge.startswith("r") else (1, bad)
    length = (size + 7) // 8
    with pytest.raises(SignerdError) as caught:
        p1363_to_der(b"".join(one.to_bytes(length, "big") for one in pair), algorithm)
    assert caught.value.reason is Reason.SIGNATURE_MALFORMED


@pytest.mark.parametrize(
    ("name", "size"), [("ecdsa-p256-sha256", 63), ("ecdsa-p256-sha256", 65), ("ed25519", 64)]
)
def test_r_and_s_have_an_exact_length(name: str, size: int) -> None:
    with pytest.raises(SignerdError) as caught:
        p1363_to_der(b"\1" * size, algorithm_named(name))
    assert caught.value.reason is Reason.SIGNATURE_MALFORMED


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([row for row in TABLE if row.size < 2048]), st.binary(max_size=200))
def test_random_bytes_never_verify_and_never_crash(algorithm: Algorithm, signature: bytes) -> None:
    given = prepare(algorithm, Message(b"some bytes"))
    assert refused(algorithm, given, signature) in (Reason.SIGNATURE_MISMATCH, Reason.SIGNATURE_MALFORMED)
