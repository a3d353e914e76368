"""What Verify is sent for a file: the bytes, or where it is large, what its key's algorithm makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypedDict

from signerd.attestation.pae import pae_header
from signerd.cli.exits import Unchecked
from signerd.cli.files import LARGE, length_of
from signerd.client import Client
from signerd.core.algorithms import Family, algorithm_named
from signerd.core.digests import Digest
from signerd.core.hashers import DigestHasher, InputHasher, hasher_for
from signerd.core.inputs import Mu, SigningInput
from signerd.core.public_keys import load_public_key
from signerd.errors import Reason

if TYPE_CHECKING:
    from signerd.v1.signer_pb2 import PublicKeyVersion

BLOCK = 1024 * 1024
MOST = 64 * 1024 * 1024  # bytes; no daemon has a larger `limits.request`
OPENSSL = (
    "Verify without the daemon: `signerctl public-key NAME > key.pub`, and with the signature as raw bytes "
    "`openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in FILE -sigfile SIGNATURE`; "
    "of a DSSE payload, FILE is the pre-authentication encoding."
)


class Input(TypedDict, total=False):
    """One of the inputs of Verify."""

    digest: Digest | str
    message: bytes
    dsse: tuple[str, bytes]
    ml_dsa_mu: bytes


class Attempt(NamedTuple):
    """What to ask Verify: an input and a version, 0 for any. `needs_whole` is the algorithm of a large message."""

    version: int
    given: Input
    needs_whole: str = ""


def attempts_for(
    client: Client, key: str, version: int, stream: BinaryIO, payload_type: str
) -> list[Attempt]:
    """The file as message or DSSE payload, or hashed here where it is large.

    ML-DSA hashes the public key along, so there each version has an attempt of its own. Pure Ed25519 needs the message
    whole; raises Unchecked where no daemon takes one so large.
    """
    length = length_of(stream)
    if length <= LARGE:
        return [Attempt(version, _whole(stream, payload_type))]
    header = pae_header(payload_type, length) if payload_type else b""
    found = client.public_key(key, version=version).versions
    algorithm = algorithm_named(found[0].algorithm)  # all versions of a key have one
    if algorithm.hash is not None:
        [given] = _hashed([DigestHasher(algorithm.hash)], stream, header)
        return [Attempt(version, given)]
    if algorithm.family is Family.ML_DSA:
        if not version:
            found = client.public_key(key, every=True).versions
        hashers = [hasher_for(algorithm, load_public_key(one.der, algorithm)) for one in found]
        inputs = _hashed(hashers, stream, header)
        return [Attempt(_number(one), given) for one, given in zip(found, inputs, strict=True)]
    if length > MOST:
        raise too_large(algorithm.name, f"it has {length} bytes")
    return [Attempt(version, _whole(stream, payload_type), algorithm.name)]


def too_large(algorithm: str, why: str) -> Unchecked:
    """The error for a message that has to be sent whole and can't be."""
    return Unchecked(
        Reason.REQUEST_TOO_LARGE,
        f"too large to verify through the daemon, since {algorithm} needs the whole message: {why}",
        OPENSSL,
    )


def _whole(stream: BinaryIO, payload_type: str) -> Input:
    data = stream.read()
    return {"dsse": (payload_type, data)} if payload_type else {"message": data}


def _hashed(hashers: Sequence[InputHasher], stream: BinaryIO, header: bytes) -> list[Input]:
    """What each of the hashers makes of the file, which is read once."""
    for block in chain([header], iter(partial(stream.read, BLOCK), b"")):
        for hasher in hashers:
            hasher.update(block)
    return [_prepared(hasher.finish()) for hasher in hashers]


def _prepared(given: SigningInput) -> Input:
    if isinstance(given, Mu):
        return {"ml_dsa_mu": given.value}
    if isinstance(given, Digest):
        return {"digest": given}
    return {"message": given.data}


def _number(version: PublicKeyVersion) -> int:
    return int(version.key_version.rpartition("/")[2])
