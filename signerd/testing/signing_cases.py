"""Cases about signing: every algorithm, every form of input, and what must be refused."""

from __future__ import annotations

import pytest

from signerd.attestation.pae import pae
from signerd.core.algorithms import TABLE, Algorithm, Family
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, Mu, SigningInput, prepare
from signerd.core.public_keys import load_public_key
from signerd.errors import Reason, SignerdError
from signerd.testing.trials import UNSUPPORTED, Trial, refusal

_PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
ALGORITHMS = pytest.mark.parametrize("algorithm", TABLE, ids=str)


async def refuses(trial: Trial, algorithm: Algorithm) -> bool:
    """Whether the algorithm is not claimed; then it is refused, by a message that says what can be had."""
    claimed = trial.provider.capabilities.algorithms
    if algorithm in claimed:
        return False
    order = trial.order(algorithm)
    error = await refusal(trial.provider.create(order), Reason.ALGORITHM_UNSUPPORTED)
    assert any(str(row) in error.message for row in claimed), error.message
    assert await trial.tagged(order) == []
    return True


class SigningCases:
    """What a claimed algorithm signs verifies with the key that the provider showed; others are refused."""

    @ALGORITHMS
    async def test_signs_messages(self, trial: Trial, algorithm: Algorithm) -> None:
        if await refuses(trial, algorithm):
            return
        made = await trial.key(algorithm)
        for data in (b"some bytes", b"", bytes(3000)):
            await trial.sign(made, prepare(algorithm, Message(data)))

    @ALGORITHMS
    async def test_signs_digests(self, trial: Trial, algorithm: Algorithm) -> None:
        if await refuses(trial, algorithm):
            return
        made = await trial.key(algorithm)
        digest = (algorithm.hash or Hash.SHA256).digest(b"some bytes")
        if algorithm.takes_digest:
            await trial.sign(made, prepare(algorithm, Digest(algorithm.hash or Hash.SHA256, digest)))
        else:
            with pytest.raises(SignerdError) as caught:
                prepare(algorithm, Digest(Hash.SHA256, digest))
            assert caught.value.reason is Reason.DIGEST_NOT_ACCEPTED

    @ALGORITHMS
    async def test_signs_dsse(self, trial: Trial, algorithm: Algorithm) -> None:
        if await refuses(trial, algorithm):
            return
        encoded = Message(pae("application/vnd.in-toto+json", _PAYLOAD))
        await trial.sign(await trial.key(algorithm), prepare(algorithm, encoded))

    @pytest.mark.parametrize("algorithm", [row for row in TABLE if row.family is Family.ML_DSA], ids=str)
    async def test_signs_mu_or_says_that_it_does_not(self, trial: Trial, algorithm: Algorithm) -> None:
        if await refuses(trial, algorithm):
            return
        made = await trial.key(algorithm)
        try:
            await trial.sign(made, prepare(algorithm, Mu(bytes(range(64)))))
        except SignerdError as error:
            assert error.reason in (Reason.MU_NOT_ACCEPTED, *UNSUPPORTED), error

    @ALGORITHMS
    async def test_shows_the_key_that_was_ordered(self, trial: Trial, algorithm: Algorithm) -> None:
        if await refuses(trial, algorithm):
            return
        made = await trial.key(algorithm)
        load_public_key(made.material.public_key, algorithm)
        assert made.material.algorithm in (None, algorithm)
        assert [one.public_key for one in await trial.provider.find(made.uri)] == [made.material.public_key]

    @pytest.mark.parametrize("hash_", Hash, ids=str)
    async def test_a_digest_of_another_hash_is_not_signed(self, trial: Trial, hash_: Hash) -> None:
        made = await trial.key()
        given: SigningInput = Digest(hash_, bytes(range(hash_.size)))
        if hash_ is made.algorithm.hash:
            await trial.sign(made, given)
        else:
            await refusal(trial.guarded.sign(made.pinned, given))

    @pytest.mark.parametrize("size", [0, 1, 20, 31, 33, 47, 49, 63, 65])
    async def test_a_digest_of_a_wrong_size_does_not_get_there(self, trial: Trial, size: int) -> None:
        hash_ = trial.algorithm.hash or Hash.SHA256
        with pytest.raises(SignerdError) as caught:
            Digest(hash_, bytes(size))
        assert caught.value.reason is Reason.DIGEST_LENGTH
