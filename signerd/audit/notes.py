"""Signed notes: the text form of what a log signs (c2sp.org/signed-note), with Ed25519 signatures."""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256
from typing import Final, NamedTuple

from signerd.errors import Reason, SignerdError

ED25519: Final = b"\x01"
KEY_ID_SIZE: Final = 4
LONGEST: Final = 256 << 10
"""Bytes of a note: 16 signatures of any type, and more."""
_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class Signature(NamedTuple):
    """A signature line: name and id of a key, and the signature itself."""

    name: str
    key_id: bytes
    value: bytes


class Note(NamedTuple):
    """A note: its text, the last newline included, and who signed that."""

    text: bytes
    signatures: tuple[Signature, ...]


def key_id(name: str, public_key: bytes) -> bytes:
    """The 4 bytes that name an Ed25519 key (32 bytes, RFC 8032) in a signature line."""
    return sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:KEY_ID_SIZE]


def vkey(name: str, public_key: bytes) -> str:
    """The verifier key `NAME+HASH+BASE64` of an Ed25519 key (32 bytes, RFC 8032)."""
    return f"{name}+{key_id(name, public_key).hex()}+{base64.b64encode(ED25519 + public_key).decode()}"


def signature_line(name: str, public_key: bytes, signature: bytes) -> bytes:
    """The line that an Ed25519 signature (64 bytes) of the note's text makes, newline included."""
    encoded = base64.b64encode(key_id(name, public_key) + signature).decode()
    return f"— {name} {encoded}\n".encode()


def note(text: bytes, lines: list[bytes]) -> bytes:
    """A note of text and signature lines."""
    return text + b"\n" + b"".join(lines)


def parse(data: bytes) -> Note:
    """Read a note by the strict grammar; checks no signature. Raises AUDIT_CORRUPT."""
    if len(data) > LONGEST:
        raise _refusal(f"is longer than {LONGEST} bytes")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise _refusal("is no UTF-8") from None
    text, gap, rest = whole.rpartition("\n\n")
    if not gap or not text or _CONTROL.search(whole):
        raise _refusal("has no text and signatures, or control characters")
    if not rest.endswith("\n"):
        raise _refusal("does not end with a newline")
    return Note(f"{text}\n".encode(), tuple(_signature(line) for line in rest[:-1].split("\n")))


def _signature(line: str) -> Signature:
    found = _LINE.fullmatch(line)
    try:
        value = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        value = b""
    if found is None or len(value) <= KEY_ID_SIZE or base64.b64encode(value).decode() != found[2]:
        raise _refusal("has a malformed signature line")
    return Signature(found[1], value[:KEY_ID_SIZE], value[KEY_ID_SIZE:])


def _refusal(problem: str) -> SignerdError:
    return SignerdError(Reason.AUDIT_CORRUPT, f"a signed note {problem}")
