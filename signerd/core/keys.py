"""Keys and their versions: states, purposes, and the invariants that hold for every one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from signerd.core.algorithms import Algorithm
from signerd.core.names import version_name
from signerd.errors import Reason, SignerdError


class Purpose(Enum):
    """What a key is for."""

    ARTIFACT = "artifact"
    JWT = "jwt"
    BUNDLE = "bundle"
    LOG = "log"


class State(Enum):
    """State of a version (NIST SP 800-57 part 1, section 7)."""

    PENDING = "pending"
    ACTIVE = "active"
    VERIFY_ONLY = "verify-only"
    DISABLED = "disabled"
    COMPROMISED = "compromised"
    DESTROY_SCHEDULED = "destroy-scheduled"
    DESTROYED = "destroyed"


CALLABLE = frozenset({Purpose.ARTIFACT, Purpose.JWT})
SIGNS = frozenset({State.ACTIVE})
VERIFIES = frozenset({State.ACTIVE, State.VERIFY_ONLY})


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One key pair. `public_key` is the DER-encoded SubjectPublicKeyInfo that is pinned; `uri` names the material."""

    key: str
    number: int
    state: State
    uri: str
    public_key: bytes = field(repr=False)
    created: datetime

    @property
    def name(self) -> str:
        """Resource name."""
        return version_name(self.key, self.number)


@dataclass(frozen=True, slots=True)
class Key:
    """A named key with all its versions, oldest first; `primary` is the number of the one that signs."""

    name: str
    algorithm: Algorithm
    purpose: Purpose
    provider: str
    primary: int
    versions: tuple[KeyVersion, ...]
    created: datetime
    created_by: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = [version.number for version in self.versions]
        if numbers != sorted(set(numbers)) or (numbers and numbers[0] < 1):
            raise ValueError(f"versions of {self.name} are not rising from 1: {numbers}")
        if self.primary not in numbers:
            raise ValueError(f"primary {self.primary} of {self.name} is not among its versions {numbers}")

    def version(self, number: int) -> KeyVersion:
        """Version of that number, 0 for the primary; raises VERSION_INVALID or VERSION_NOT_FOUND."""
        if number < 0:
            raise SignerdError(Reason.VERSION_INVALID, f"version {number} is negative", field="version")
        wanted = number or self.primary
        for version in self.versions:
            if version.number == wanted:
                return version
        raise SignerdError(
            Reason.VERSION_NOT_FOUND, f"key {self.name!r} has no version {number}", field="version"
        )

    def rotated(self, added: KeyVersion, before: State) -> Key:
        """The key with a new version as its primary; the primary before gets a state."""
        versions = (
            replace(one, state=before) if one.number == self.primary else one for one in self.versions
        )
        return replace(self, versions=(*versions, added), primary=added.number)

    def verifying(self) -> tuple[KeyVersion, ...]:
        """Versions that verify: the primary first, then newest first."""
        able = [version for version in self.versions if version.state in VERIFIES]
        return tuple(sorted(able, key=lambda version: (version.number != self.primary, -version.number)))


def check_callable(key: Key) -> None:
    """Raise KEY_PURPOSE unless callers may use the key."""
    if key.purpose not in CALLABLE:
        raise SignerdError(
            Reason.KEY_PURPOSE,
            f"key {key.name!r} has purpose {key.purpose.value}: it serves the daemon, callers can't use it",
            field="key",
        )


def check_signs(version: KeyVersion) -> None:
    """Raise VERSION_STATE unless the version may sign."""
    if version.state not in SIGNS:
        raise SignerdError(
            Reason.VERSION_STATE,
            f"{version.name} is {version.state.value} and does not sign",
            field="version",
        )


def check_verifies(version: KeyVersion) -> None:
    """Raise VERSION_STATE unless the version may verify."""
    if version.state not in VERIFIES:
        raise SignerdError(
            Reason.VERSION_STATE,
            f"{version.name} is {version.state.value} and does not verify",
            field="version",
        )
