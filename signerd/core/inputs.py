"""What is signed: a digest, a whole message, or the external mu of ML-DSA, checked against the algorithm."""

from __future__ import annotations

import msgspec

from signerd.core.algorithms import Algorithm, Family
from signerd.core.digests import Digest
from signerd.errors import Reason, SignerdError

MU_SIZE = 64


class Message(msgspec.Struct, frozen=True, gc=False):
    """The bytes themselves: the algorithm hashes them, or takes them whole."""

    data: bytes


class Mu(msgspec.Struct, frozen=True, gc=False):
    """External mu of ML-DSA (FIPS 204, section 6.2), 64 bytes."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != MU_SIZE:
            raise SignerdError(
                Reason.MU_NOT_ACCEPTED, f"mu is {len(self.value)} bytes, must be {MU_SIZE}", field="ml_dsa_mu"
            )


SigningInput = Digest | Message | Mu


def prepare(algorithm: Algorithm, given: SigningInput) -> SigningInput:
    """Bring an input to the form that the algorithm signs: messages are hashed where it works on digests.

    Raises HASH_MISMATCH, DIGEST_NOT_ACCEPTED or MU_NOT_ACCEPTED where the input does not fit.
    """
    if isinstance(given, Digest):
        if given.hash is not algorithm.hash:
            raise _digest_refused(algorithm, given)
        return given
    if isinstance(given, Mu):
        return _prepared_mu(algorithm, given)
    return given if algorithm.hash is None else Digest(algorithm.hash, algorithm.hash.digest(given.data))


def _prepared_mu(algorithm: Algorithm, mu: Mu) -> Mu:
    if algorithm.family is not Family.ML_DSA:
        raise SignerdError(
            Reason.MU_NOT_ACCEPTED, f"{algorithm} takes no external mu; send the message", field="ml_dsa_mu"
        )
    return mu


def _digest_refused(algorithm: Algorithm, digest: Digest) -> SignerdError:
    if algorithm.hash is None:
        return SignerdError(
            Reason.DIGEST_NOT_ACCEPTED,
            f"{algorithm} signs whole messages and would sign the digest itself; send the message",
            field="digest",
        )
    return SignerdError(
        Reason.HASH_MISMATCH,
        f"{algorithm} needs a {algorithm.hash.value} digest, not {digest.hash.value}",
        field="digest.hash",
    )
