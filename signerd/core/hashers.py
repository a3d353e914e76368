"""Hashing a message piece by piece into the input that an algorithm signs."""

from __future__ import annotations

import hashlib
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import mldsa

from signerd.core.algorithms import Algorithm
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Mu, SigningInput
from signerd.core.public_keys import MlDsaPublicKey, PublicKey
from signerd.errors import Reason, SignerdError


class InputHasher(Protocol):
    """Takes a message in pieces, in constant memory; `finish` is called once."""

    def update(self, data: bytes, /) -> None:
        """Take the next piece."""

    def finish(self) -> SigningInput:
        """Give the prepared input of all pieces."""


class DigestHasher:
    """Message to digest."""

    def __init__(self, hash_: Hash) -> None:
        self._hash = hash_
        self._state = hashlib.new(hash_.value)
        self.update = self._state.update

    def finish(self) -> Digest:
        """Give the digest."""
        return Digest(self._hash, self._state.digest())


class MuHasher:
    """Message to external mu with an empty context (FIPS 204, algorithms 2 and 7)."""

    def __init__(self, public_key: MlDsaPublicKey) -> None:
        self._state = mldsa.MLDSAMuHasher(public_key)
        self.update = self._state.update

    def finish(self) -> Mu:
        """Give mu."""
        return Mu(self._state.finalize())


def hasher_for(algorithm: Algorithm, public_key: PublicKey) -> InputHasher:
    """Make a hasher for messages signed with this key; raises DIGEST_NOT_ACCEPTED for pure Ed25519."""
    if algorithm.hash is not None:
        return DigestHasher(algorithm.hash)
    if isinstance(public_key, MlDsaPublicKey):
        return MuHasher(public_key)
    raise SignerdError(
        Reason.DIGEST_NOT_ACCEPTED,
        f"{algorithm} needs the whole message at once and can't take it in pieces; use ed25519ph",
        field="key",
    )
