"""Canary signatures: whether key material really signs as the public key that is pinned for it says."""

from __future__ import annotations

from typing import NamedTuple

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.guard import Guarded, PinnedVersion, pinned_version

MESSAGE = Message(b"signerd: canary signature of a key check")


class Canary(NamedTuple):
    """What was signed, and the signature."""

    signed: SigningInput
    signature: bytes


async def prove_material(provider: Guarded, uri: str, algorithm: Algorithm, public_key: bytes) -> None:
    """Have material sign that is in no key yet; raises ALGORITHM_UNSUPPORTED, and as `prove`. DER public key."""
    await prove(provider, pinned_version(uri, algorithm, public_key))


async def prove(provider: Guarded, version: PinnedVersion) -> Canary:
    """Have a version sign; raises PROVIDER_INTEGRITY unless that verifies with the pinned key, and what fails."""
    given = prepare(version.algorithm, MESSAGE)
    signature = await provider.sign(version, given)
    try:
        version.verify(given, signature)  # the guard does so by sample where keys are in this process
    except SignerdError:
        raise SignerdError(
            Reason.PROVIDER_INTEGRITY,
            f"provider {provider.name!r}: a signature of {version.uri} does not verify with its pinned key",
        ) from None
    return Canary(given, signature)
