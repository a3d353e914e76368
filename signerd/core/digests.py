"""Hashes and digests: the one place that knows a hash's length."""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

from signerd.errors import Reason, SignerdError


class Hash(StrEnum):
    """A hash algorithm; the value is its name in hashlib and in OCI digests (`sha256:…`)."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"

    @property
    def size(self) -> int:
        """Length of a digest in bytes."""
        return SIZES[self]

    def digest(self, data: bytes) -> bytes:
        """Hash `data`."""
        return hashlib.new(self.value, data, usedforsecurity=True).digest()


SIZES = {Hash.SHA256: 32, Hash.SHA384: 48, Hash.SHA512: 64}


class Digest(msgspec.Struct, frozen=True, gc=False):
    """A hash and its bytes; never of the wrong length."""

    hash: Hash
    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != SIZES[self.hash]:
            raise SignerdError(
                Reason.DIGEST_LENGTH,
                f"digest is {len(self.value)} bytes, {self.hash.value} has {SIZES[self.hash]}",
                field="digest.value",
            )

    def __str__(self) -> str:
        return f"{self.hash}:{self.value.hex()}"


def hash_named(name: str) -> Hash:
    """Find a hash by its name; raises HASH_UNKNOWN."""
    try:
        return Hash(name.lower())
    except ValueError:
        raise SignerdError(
            Reason.HASH_UNKNOWN,
            f"unknown hash {name[:32]!r}; use sha256, sha384 or sha512",
            field="digest.hash",
        ) from None


def parse_digest(text: str) -> Digest:
    """Parse `sha256:HEX`; raises HASH_UNKNOWN or DIGEST_LENGTH."""
    name, _, digits = text.partition(":")
    hash_ = hash_named(name)
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        raise SignerdError(
            Reason.DIGEST_LENGTH, f"digest {text[:160]!r} is not {name}:HEX", field="digest.value"
        ) from None
    return Digest(hash_, value)
