"""Verifier keys (vkeys, c2sp.org/signed-note): `NAME+ID+BASE64`, and signatures checked with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signerd.auditor.encodings import LARGEST, base64_bytes, base64_text, is_key_name
from signerd.auditor.heads import Head
from signerd.auditor.notes import KEY_ID
from signerd.auditor.verdicts import malformed

ED25519: Final = 0x01
ED25519_COSIGNATURE: Final = 0x04
ML_DSA_COSIGNATURE: Final = 0x06
PUBLIC_SIZES: Final = {ED25519: 32, ED25519_COSIGNATURE: 32, ML_DSA_COSIGNATURE: 1312}
COSIGNERS: Final = frozenset({ED25519_COSIGNATURE, ML_DSA_COSIGNATURE})
TIMESTAMP: Final = 8
KINDS: Final = {
    ED25519: "an Ed25519 key",
    ED25519_COSIGNATURE: "a witness's Ed25519 key",
    ML_DSA_COSIGNATURE: "a witness's ML-DSA-44 key",
}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name; `kind` is the signature type byte."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that signature lines carry."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:KEY_ID]

    def format(self) -> str:
        """The vkey, without a newline."""
        return f"{self.name}+{self.key_id.hex()}+{base64_text(bytes([self.kind]) + self.public)}"


def parse_vkey(text: str, what: str = "vkey") -> VerifierKey:
    """Parse a vkey of a kind that is known here. Raises AUDIT_FORMAT_INVALID."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    material = base64_bytes(encoded)
    if not is_key_name(name) or not material:
        malformed(what, f"{text[:120]!r} is not `NAME+ID+BASE64`")
    if len(material) - 1 != PUBLIC_SIZES.get(material[0]):
        malformed(what, f"{text[:120]!r} is neither {', '.join(KINDS.values())}")
    key = VerifierKey(name, material[0], material[1:])
    if key.key_id.hex() != key_id:
        malformed(what, f"{text[:120]!r} has the id of another key; it should be {key.key_id.hex()}")
    return key


def parse_log_keys(data: bytes, what: str = "log.pub") -> tuple[VerifierKey, ...]:
    """Log keys, one vkey a line; empty lines are passed over. Raises AUDIT_FORMAT_INVALID."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        malformed(what, "is not UTF-8")
    keys = tuple(parse_vkey(line, what) for line in lines if line)
    if not keys:
        malformed(what, "has no key")
    for key in keys:
        if key.kind != ED25519:
            malformed(what, f"{key.name} has {KINDS[key.kind]}; a log's is of type 0x01, Ed25519")
    return keys


def is_signed(key: VerifierKey, head: Head, value: bytes) -> bool:
    """Whether `value`, from a signature line, is the key's signature or cosignature of a checkpoint."""
    check = _CHECKS[key.kind]
    try:
        check(key, head, value)
    except (InvalidSignature, ValueError):
        return False
    return True


def timestamp(value: bytes) -> int:
    """Seconds since 1970 at which a cosignature says it was made."""
    return int.from_bytes(value[:TIMESTAMP], "big")


def _check_log(key: VerifierKey, head: Head, value: bytes) -> None:
    _ed25519(key, value, head.format().encode())


def _check_ed25519_cosignature(key: VerifierKey, head: Head, value: bytes) -> None:
    text = f"cosignature/v1\ntime {_checked_time(value)}\n{head.format()}"
    _ed25519(key, value[TIMESTAMP:], text.encode())


def _check_ml_dsa_cosignature(key: VerifierKey, head: Head, value: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    name, origin = key.name.encode(), head.origin.encode()
    message = b"".join(
        (
            b"subtree/v1\n\0",
            len(name).to_bytes(1, "big") + name,
            _checked_time(value).to_bytes(8, "big"),
            len(origin).to_bytes(1, "big") + origin,
            bytes(8) + head.size.to_bytes(8, "big") + head.root,
        )
    )
    MLDSA44PublicKey.from_public_bytes(key.public).verify(value[TIMESTAMP:], message)


def _checked_time(value: bytes) -> int:
    made = timestamp(value)
    if len(value) <= TIMESTAMP or made > LARGEST:
        raise ValueError("no timestamp and signature")
    return made


def _ed25519(key: VerifierKey, value: bytes, message: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(key.public).verify(value, message)


_CHECKS: Final[Mapping[int, Callable[[VerifierKey, Head, bytes], None]]] = {
    ED25519: _check_log,
    ED25519_COSIGNATURE: _check_ed25519_cosignature,
    ML_DSA_COSIGNATURE: _check_ml_dsa_cosignature,
}
