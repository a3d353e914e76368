"""Hashes and digests: the one place that knows a hash's length."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Self

import msgspec

from signerd.errors import Reason, SignerdError


class Hash(StrEnum):
    """A hash algorithm; the value is its name in hashlib and in OCI digests (`sha256:…`).

    `size` is the length of a digest in bytes.
    """

    size: int

    def __new__(cls, name: str, size: int) -> Self:
        """A member with its size: an attribute, since look-ups by an enum's member are slow."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.size = size
        return member

    SHA256 = ("sha256", 32)
    SHA384 = ("sha384", 48)
    SHA512 = ("sha512", 64)

    def digest(self, data: bytes) -> bytes:
        """Hash `data`."""
        return hashlib.new(self, data, usedforsecurity=True).digest()


class Digest(msgspec.Struct, frozen=True, gc=False):
    """A hash and its bytes; never of the wrong length."""

    hash: Hash
    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != self.hash.size:
            raise SignerdError(
                Reason.DIGEST_LENGTH,
                f"digest is {len(self.value)} bytes, {self.hash.value} has {self.hash.size}",
                field="digest.value",
            )

    def __str__(self) -> str:
        return f"{self.hash}:{self.value.hex()}"


def hash_named(name: str) -> Hash:
    """Find a hash by its name; raises HASH_UNKNOWN."""
    try:
        return Hash[name.upper()]
    except KeyError:
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
