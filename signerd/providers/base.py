"""The interface of a provider: an adapter to one key technology, five methods.

A key URI names key material at a provider, from the day it is made. A synchronous SDK hides its threads in its own
file; vendor exceptions never leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from signerd.core.algorithms import Algorithm
from signerd.core.inputs import SigningInput
from signerd.core.signatures import Sign


class Change(Enum):
    """What can be done to key material after it was made."""

    DISABLE = "disable"
    ENABLE = "enable"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a provider is built from.

    `section` is its part of the configuration. `secrets` are asked when they are needed, by the section's field or the
    environment variable. `workers` share the provider's quotas.
    """

    name: str
    section: Any
    secrets: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be done at a provider.

    `create` makes key pairs there, `imports` takes private keys in. `disable` is possible at the technology itself.
    `destroy_delay` is the shortest time between asking for destruction and the end of the material; None: never.
    """

    algorithms: tuple[Algorithm, ...]
    create: bool = True
    imports: bool = False
    disable: bool = False
    destroy_delay: timedelta | None = timedelta(0)


@dataclass(frozen=True, slots=True)
class Order:
    """Key material to make: for which version of which key; `private_key` (PKCS#8 DER) is taken in instead if set.

    `instance` is the daemon's, and `tag` is unique to the request, so that material made twice or left behind can be
    told apart: the same tag again gives KEY_EXISTS, and `held` shows what the lost answer was about.
    """

    key: str
    version: int
    algorithm: Algorithm
    tag: str
    private_key: bytes | None = field(default=None, repr=False)
    instance: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """What the material is marked with."""
        return {"instance": self.instance, "key": self.key, "version": str(self.version), "tag": self.tag}


@dataclass(frozen=True, slots=True)
class Material:
    """Key material that a provider holds.

    `public_key` is the DER-encoded SubjectPublicKeyInfo, empty for disabled material where it can't be read then.

    `tags` are those of the order it was made for, empty where signerd did not make it. `number` is the technology's own
    number of the version, 0 without. `algorithm` is None where the technology does not tie the material to one.
    `unsure` says that the tags may not be read: whose it is can't be told.
    """

    uri: str
    public_key: bytes = field(repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)
    algorithm: Algorithm | None = None
    number: int = 0
    enabled: bool = True
    unsure: bool = False


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


@runtime_checkable
class Closes(Protocol):
    """What a provider with connections, threads or processes offers besides."""

    async def close(self) -> None:
        """Give everything back; no call comes after it."""


@runtime_checkable
class FollowsPrimary(Protocol):
    """What a provider offers besides where a name at the technology itself leads to the primary of a key."""

    async def promote(self, uri: str, key: str, instance: str) -> bool:
        """Let the name of a key lead to this version, its primary; whether it led elsewhere or nowhere.

        Repeating it is no error. Nothing happens for material that this instance did not make. Raises PROVIDER_REFUSED
        where the name is somebody else's.
        """


@runtime_checkable
class SharesQuota(Protocol):
    """What a provider offers besides where the workers of a daemon use up one quota."""

    def share(self, workers: int) -> None:
        """So many workers live: from now on each has that part of the quota."""


class Provider(Protocol):
    """One key technology.

    All methods raise SignerdError only: PROVIDER_UNAVAILABLE, PROVIDER_TIMEOUT, PROVIDER_THROTTLED, PROVIDER_DENIED,
    PROVIDER_REFUSED, PROVIDER_INTEGRITY, KEY_MATERIAL_UNREADABLE (gone, never there or not to be read),
    KEY_MATERIAL_DISABLED, KEY_EXISTS, KEY_URI_INVALID, ALGORITHM_UNSUPPORTED.
    """

    in_process: bool
    """Signs in this process with keys in memory: no time limit, verification after signing by sample."""
    capabilities: Capabilities

    def health(self) -> Health:
        """State right now, from memory: no I/O."""

    async def create(self, order: Order) -> Material:
        """Make or take in key material."""

    async def find(self, uri: str) -> list[Material]:
        """The material of a URI as the technology tells it now: one version, or all of a key that has versions there.

        Oldest first. Raises KEY_MATERIAL_UNREADABLE where there is none, KEY_URI_INVALID for the URI of another scheme.
        """

    async def sign(self, uri: str, algorithm: Algorithm, given: SigningInput) -> bytes:
        """Sign a prepared input (see core.inputs.prepare). ECDSA comes back as DER."""

    async def held(self) -> list[Material]:
        """All signing keys here that can be seen, whoever made them."""

    async def change(self, uri: str, change: Change) -> None:
        """Disable, enable or destroy material; repeating it is no error."""
