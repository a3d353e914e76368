"""The interface of a provider: an adapter to one key technology, five methods.

A key URI names key material at a provider, from the day it is made. A synchronous SDK hides its threads in its own
file; vendor exceptions never leave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.signatures import Sign


class Change(Enum):
    """What can be done to key material after it was made."""

    DISABLE = "disable"
    ENABLE = "enable"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Order:
    """Key material to make: for which version of which key; `private_key` (PKCS#8 DER) is taken in instead if set.

    `tag` is unique to the request, so that material made twice or left behind can be told apart.
    """

    key: str
    version: int
    algorithm: Algorithm
    tag: str
    private_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Material:
    """Key material that a provider holds. `public_key` is the DER-encoded SubjectPublicKeyInfo."""

    uri: str
    public_key: bytes = field(repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a provider can be used, and what there is to say about it."""

    healthy: bool
    detail: str = ""


@runtime_checkable
class SignsInline(Protocol):
    """What a provider with keys in this process may offer besides: signing without waiting, for the hot path."""

    def signer(self, uri: str, algorithm: Algorithm) -> Sign | None:
        """What signs prepared inputs at once, None where the key must be opened first or the algorithm is slow."""

    def forget(self, uri: str) -> None:
        """Drop the opened key: it did not sign as the pinned one would."""


class Provider(Protocol):
    """One key technology.

    All methods raise SignerdError only (PROVIDER_*, KEY_MATERIAL_UNREADABLE, ALGORITHM_UNSUPPORTED).
    """

    in_process: bool
    """Signs in this process with keys in memory: no time limit, verification after signing by sample."""

    def health(self) -> Health:
        """State right now, from memory: no I/O."""

    async def create(self, order: Order) -> Material:
        """Make or take in key material."""

    async def public_key(self, uri: str) -> bytes:
        """Public key of the material as the technology tells it now, DER."""

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign a prepared input (see core.inputs.prepare). ECDSA comes back as DER."""

    async def owned(self) -> list[Material]:
        """All material here that signerd made."""

    async def change(self, uri: str, change: Change) -> None:
        """Disable, enable or destroy material; repeating it is no error."""
