import hashlib

import pytest

from signerd.core.algorithms import TABLE, Algorithm, Family, algorithm_named
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, Mu, prepare
from signerd.errors import Reason, SignerdError

BY_ROW = pytest.mark.parametrize("algorithm", TABLE, ids=str)


@BY_ROW
def test_messages_are_hashed_where_the_algorithm_works_on_digests(algorithm: Algorithm) -> None:
    prepared = prepare(algorithm, Message(b"abc"))
    if algorithm.hash is None:
        assert prepared == Message(b"abc")
    else:
        value = hashlib.new(algorithm.hash.value, b"abc").digest()
        assert prepared == Digest(algorithm.hash, value)


@BY_ROW
@pytest.mark.parametrize("hash_", Hash)
def test_only_the_digest_of_the_algorithms_hash_is_taken(algorithm: Algorithm, hash_: Hash) -> None:
    digest = Digest(hash_, bytes(hash_.size))
    if algorithm.hash is hash_:
        assert prepare(algorithm, digest) is digest
        return
    with pytest.raises(SignerdError) as caught:
        prepare(algorithm, digest)
    wanted = Reason.HASH_MISMATCH if algorithm.takes_digest else Reason.DIGEST_NOT_ACCEPTED
    assert caught.value.reason is wanted


@BY_ROW
def test_only_ml_dsa_takes_mu(algorithm: Algorithm) -> None:
    mu = Mu(bytes(64))
    if algorithm.family is Family.ML_DSA:
        assert prepare(algorithm, mu) is mu
        return
    with pytest.raises(SignerdError) as caught:
        prepare(algorithm, mu)
    assert caught.value.reason is Reason.MU_NOT_ACCEPTED


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_mu_has_64_bytes(size: int) -> None:
    with pytest.raises(SignerdError) as caught:
        Mu(bytes(size))
    assert caught.value.reason is Reason.MU_NOT_ACCEPTED


def test_pure_ed25519_says_why_it_refuses_a_digest() -> None:
    with pytest.raises(SignerdError, match="send the message"):
        prepare(algorithm_named("ed25519"), Digest(Hash.SHA512, bytes(64)))
