import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.digests import Digest, Hash
from signerd.core.hashers import hasher_for
from signerd.core.inputs import Mu
from signerd.core.private_keys import generate
from signerd.errors import Reason, SignerdError

SETS = [algorithm_named(f"ml-dsa-{size}") for size in (44, 65, 87)]


@pytest.mark.parametrize("algorithm", SETS, ids=str)
def test_mu_is_the_one_of_fips_204(algorithm: Algorithm) -> None:
    """mu = SHAKE256(SHAKE256(pk, 64) || 0 || 0 || M, 64): algorithm 2, step 10 and algorithm 7, step 6."""
    public_key = generate(algorithm).public_key()
    assert isinstance(public_key, mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey)
    hasher = hasher_for(algorithm, public_key)
    for piece in (b"some ", b"", b"bytes"):
        hasher.update(piece)
    tr = hashlib.shake_256(public_key.public_bytes_raw()).digest(64)
    assert hasher.finish() == Mu(hashlib.shake_256(tr + b"\0\0" + b"some bytes").digest(64))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200)))
def test_pieces_make_the_digest_of_the_whole(pieces: list[bytes]) -> None:
    algorithm = algorithm_named("ecdsa-p384-sha384")
    hasher = hasher_for(algorithm, generate(algorithm).public_key())
    for piece in pieces:
        hasher.update(piece)
    assert hasher.finish() == Digest(Hash.SHA384, hashlib.sha384(b"".join(pieces)).digest())


def test_pure_ed25519_has_none() -> None:
    algorithm = algorithm_named("ed25519")
    with pytest.raises(SignerdError, match="whole message") as caught:
        hasher_for(algorithm, generate(algorithm).public_key())
    assert caught.value.reason is Reason.DIGEST_NOT_ACCEPTED
