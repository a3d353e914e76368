"""Keys of witnesses and what they sign: C2SP signed-note verifier keys and tlog-cosignature `cosignature/v1`."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signerd.errors import Reason, SignerdError
from signerd.witnesses.faults import Fault, WitnessFault

COSIGNATURE_V1: Final = b"\x04"
LATEST_TIME: Final = (1 << 63) - 1
_NAME = r"[^\s+\x00-\x1f]+"
_VKEY = re.compile(rf"({_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]+={{0,2}})\Z")
_LINE = re.compile(rf"\u2014 ({_NAME}) ([A-Za-z0-9+/]+={{0,2}})\Z")
_ED25519_VKEY_BYTES: Final = 33
_V1_BYTES: Final = 4 + 8 + 64


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness as its verifier key names it; `key_id` has 4 bytes."""

    name: str
    key_id: bytes
    public_key: Ed25519PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature that verified: whose, its time (POSIX seconds), and the signature line with its newline."""

    name: str
    time: int
    line: bytes


def parse_vkey(text: str, field: str = "") -> WitnessKey:
    """Read `NAME+HASH+BASE64` of an Ed25519 cosigner (type 0x04); raises CONFIG_INVALID."""
    found = _VKEY.match(text)
    if not found:
        raise _invalid(text, "is not NAME+HASH+BASE64", field)
    data = _decoded(found[3])
    if data is None or len(data) != _ED25519_VKEY_BYTES or data[:1] != COSIGNATURE_V1:
        raise _invalid(text, "is not the key of an Ed25519 cosigner (type 0x04)", field)
    key_id = sha256(found[1].encode() + b"\n" + data).digest()[:4]
    if key_id.hex() != found[2]:
        raise _invalid(text, f"has another hash than its key's, {key_id.hex()}: it was mistyped", field)
    return WitnessKey(found[1], key_id, Ed25519PublicKey.from_public_bytes(data[1:]))


def read_cosignature(answer: bytes, body: bytes, key: WitnessKey) -> Cosignature:
    """The witness's cosignature in its answer, verified over the checkpoint's body (note text with its newline).

    Lines of other keys are passed over. Raises WitnessFault for anything else: several lines of this key, or one that
    does not verify.
    """
    found: Cosignature | None = None
    for line in _lines(answer):
        match = _LINE.match(line)
        data = _decoded(match[2]) if match else None
        if match is None or data is None:
            raise WitnessFault(Fault.GARBAGE, "its answer has a line that is no note signature")
        if (match[1], data[:4]) != (key.name, key.key_id):
            continue
        if found is not None:
            raise WitnessFault(Fault.GARBAGE, "its answer has two cosignatures")
        found = Cosignature(key.name, _verified(data, body, key), line.encode() + b"\n")
    if found is None:
        raise WitnessFault(Fault.GARBAGE, "its answer has no cosignature of its key")
    return found


def _lines(answer: bytes) -> list[str]:
    try:
        text = answer.decode()
    except UnicodeDecodeError:
        raise WitnessFault(Fault.GARBAGE, "its answer is not UTF-8") from None
    if not text.endswith("\n"):
        raise WitnessFault(Fault.GARBAGE, "its answer does not end with a newline")
    return text[:-1].split("\n")


def _verified(data: bytes, body: bytes, key: WitnessKey) -> int:
    """Time of a timestamped_signature that verifies."""
    if len(data) != _V1_BYTES:
        raise WitnessFault(Fault.GARBAGE, "its cosignature has another length than an Ed25519 one")
    time = int.from_bytes(data[4:12])
    if not 0 < time <= LATEST_TIME:
        raise WitnessFault(Fault.GARBAGE, "its cosignature has no time")
    try:
        key.public_key.verify(data[12:], b"cosignature/v1\ntime %d\n" % time + body)
    except InvalidSignature:
        raise WitnessFault(Fault.GARBAGE, "its cosignature does not verify") from None
    return time


def _decoded(text: str) -> bytes | None:
    """Bytes of canonical base64 (RFC 4648, section 4), None for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return data if base64.b64encode(data).decode() == text else None


def _invalid(text: str, problem: str, field: str) -> SignerdError:
    return SignerdError(
        Reason.CONFIG_INVALID, f"witness key {text[:128]!r} {problem}; copy it from the witness", field=field
    )
