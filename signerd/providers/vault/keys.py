"""Transit's keys as it shows them, and how each algorithm is asked for."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signerd.core.algorithms import TABLE, Algorithm, Family
from signerd.core.public_keys import PublicKey, fits, spki
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material
from signerd.providers.failures import unsupported
from signerd.providers.vault.uris import KeyUri, tags

_KINDS = {
    Family.ECDSA: "ecdsa-p{}",
    Family.RSA_PKCS1: "rsa-{}",
    Family.RSA_PSS: "rsa-{}",
    Family.ED25519: "ed25519",
}
KEY_TYPES: dict[Algorithm, str] = {
    row: _KINDS[row.family].format(row.size) for row in TABLE if row.family in _KINDS
}
"""Transit's type of key for each algorithm that it can sign with."""

ALGORITHMS = tuple(KEY_TYPES)

_NUMBER = re.compile("[1-9][0-9]{0,8}")

# An `auto` salt would be as long as the key allows; verifiers want it as long as the digest.
_SCHEMES: dict[Family, dict[str, str]] = {
    Family.ECDSA: {"marshaling_algorithm": "asn1"},
    Family.RSA_PKCS1: {"signature_algorithm": "pkcs1v15"},
    Family.RSA_PSS: {"signature_algorithm": "pss", "salt_length": "hash"},
    Family.ED25519: {},
}


class Version(msgspec.Struct):
    """One version of a key: PEM, or of Ed25519 the 32 bytes in base64; empty for a derived key."""

    public_key: str = ""


class Key(msgspec.Struct):
    """What reading a key tells. `keys` are the creation times of versions where the key is a symmetric one."""

    type: str
    latest_version: int
    keys: dict[str, Version | int]
    supports_signing: bool = False
    derived: bool = False
    soft_deleted: bool = False
    min_encryption_version: int = 0
    min_decryption_version: int = 0


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A version of a key and the algorithm to sign with; requests with the same one can share an HTTP request."""

    uri: KeyUri
    algorithm: Algorithm

    def parameters(self) -> dict[str, object]:
        """What goes with the input: version, scheme, and the hash that made the digest."""
        hash_ = self.algorithm.hash
        hashed: dict[str, object] = (
            {"prehashed": False}
            if hash_ is None
            else {"prehashed": True, "hash_algorithm": f"sha2-{hash_.size * 8}"}
        )
        return {"key_version": self.uri.number, **hashed, **_SCHEMES[self.algorithm.family]}


def check_offered(algorithm: Algorithm) -> None:
    """Raise ALGORITHM_UNSUPPORTED unless transit can sign with it."""
    if algorithm not in KEY_TYPES:
        raise unsupported(algorithm, "transit has no such keys", ALGORITHMS)


def signs(key: Key) -> bool:
    """Whether the key makes signatures by itself: not symmetric, and not derived from a context."""
    return key.supports_signing and not key.derived


def materials(uri: KeyUri, key: Key) -> list[Material]:
    """The versions of a key, oldest first, or the one that the URI names; raises KEY_MATERIAL_UNREADABLE."""
    if not signs(key):
        raise SignerdError(
            Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is of type {key.type}, derived or not made for signatures"
        )
    numbers = sorted(int(number) for number in key.keys if _NUMBER.fullmatch(number))
    if uri.number:
        numbers = [number for number in numbers if number == uri.number]
    if not numbers:
        raise SignerdError(Reason.KEY_MATERIAL_UNREADABLE, f"{uri} is not there")
    return [_material(KeyUri(uri.mount, uri.name, number), key) for number in numbers]


def _material(uri: KeyUri, key: Key) -> Material:
    version = key.keys[str(uri.number)]
    public_key = _public_key(version.public_key if isinstance(version, Version) else "", uri)
    oldest = max(key.min_encryption_version, key.min_decryption_version)
    # A key of ours has one version: its number is in the name. What others added by rotating it is theirs.
    made_for = tags(uri.name) if uri.number == 1 else {}
    return Material(
        str(uri),
        spki(public_key),
        made_for,
        _only_algorithm(public_key),
        0 if made_for else uri.number,
        enabled=uri.number >= oldest and not key.soft_deleted,
    )


def _public_key(text: str, uri: KeyUri) -> PublicKey:
    try:
        if not text.startswith("-----BEGIN"):
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
        key = load_pem_public_key(text.encode())
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise _strange(uri) from None
    if not isinstance(key, PublicKey):
        raise _strange(uri)
    return key


def _strange(uri: KeyUri) -> SignerdError:
    return SignerdError(Reason.PROVIDER_INTEGRITY, f"{uri}: the public key that Vault shows can't be read")


def _only_algorithm(public_key: PublicKey) -> Algorithm | None:
    """The algorithm that the key is tied to: RSA keys sign with two."""
    fitting = [row for row in ALGORITHMS if fits(public_key, row)]
    return fitting[0] if len(fitting) == 1 else None
