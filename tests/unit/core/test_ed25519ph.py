"""Ed25519ph against RFC 8032 and against libsodium's own functions over whole messages."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings as sodium

from signerd.core.ed25519ph import ORDER, digest_signer, digest_verifier

# RFC 8032, section 7.3
SEED = bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
SIGNATURE = bytes.fromhex(
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
    "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
)
PUBLIC, SECRET = sodium.crypto_sign_seed_keypair(SEED)
ABC = hashlib.sha512(b"abc").digest()


def state_of(message: bytes) -> sodium.crypto_sign_ed25519ph_state:
    state = sodium.crypto_sign_ed25519ph_state()
    sodium.crypto_sign_ed25519ph_update(state, message)
    return state


def test_the_vector_of_the_rfc() -> None:
    assert digest_signer(SEED, PUBLIC)(ABC) == SIGNATURE
    assert digest_verifier(PUBLIC)(ABC, SIGNATURE)


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_both_ways_with_libsodium(seed: bytes, message: bytes) -> None:
    public, secret = sodium.crypto_sign_seed_keypair(seed)
    digest = hashlib.sha512(message).digest()
    theirs = sodium.crypto_sign_ed25519ph_final_create(state_of(message), secret)
    assert digest_signer(seed, public)(digest) == theirs
    assert digest_verifier(public)(digest, theirs)
    assert sodium.crypto_sign_ed25519ph_final_verify(state_of(message), theirs, public)


def test_a_scalar_not_below_the_order_is_refused() -> None:
    scalar = int.from_bytes(SIGNATURE[32:], "little") + ORDER
    assert not digest_verifier(PUBLIC)(ABC, SIGNATURE[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), b"\xff" * 32])
def test_points_of_small_order_or_off_the_curve_are_refused(point: bytes) -> None:
    assert not digest_verifier(PUBLIC)(ABC, point + SIGNATURE[32:])
    assert not digest_verifier(point)(ABC, SIGNATURE)


@given(st.integers(0, 511))
@settings(deadline=None)
def test_no_flipped_bit_verifies(bit: int) -> None:
    damaged = bytearray(SIGNATURE)
    damaged[bit // 8] ^= 1 << bit % 8
    assert not digest_verifier(PUBLIC)(ABC, bytes(damaged))
