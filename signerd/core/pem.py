"""PEM (RFC 7468), read strictly: one block and nothing around it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from signerd.errors import Reason, SignerdError

MAX_PEM = 64 * 1024
_BLOCK = re.compile(
    rb"-----BEGIN (?P<label>[A-Z0-9 ]{1,64})-----[ \t]*\r?\n"
    rb"(?P<text>[A-Za-z0-9+/=\r\n\t ]*)"
    rb"-----END (?P=label)-----\s*"
)
_EC_PARAMETERS = "EC PARAMETERS"


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block; `data` may be secret."""

    label: str
    data: bytes = field(repr=False)


def read_block(data: bytes) -> Block:
    """Read the one block of a private key file; raises PRIVATE_KEY_INVALID.

    Parameters that `openssl ecparam -genkey` writes before an EC key are passed over: the key repeats them.
    """
    if len(data) > MAX_PEM:
        raise invalid(f"the private key is {len(data)} bytes, more than {MAX_PEM}")
    block, end = _block_at(data, re.match(rb"\s*", data).end())  # type: ignore[union-attr]
    if block.label == _EC_PARAMETERS:
        block, end = _block_at(data, end)
    if end != len(data):
        raise invalid("the private key file has something after the first PEM block; give one key alone")
    return block


def write_block(label: str, data: bytes) -> bytes:
    """Write a block with lines of 64 characters, as Go and OpenSSL do."""
    text = base64.b64encode(data)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    name = label.encode()
    return b"\n".join([b"-----BEGIN " + name + b"-----", *lines, b"-----END " + name + b"-----", b""])


def _block_at(data: bytes, start: int) -> tuple[Block, int]:
    found = _BLOCK.match(data, start)
    if found is None:
        raise invalid(_why_none(data[start:]))
    try:
        body = base64.b64decode(b"".join(found["text"].split()), validate=True)
    except ValueError:
        raise invalid("the base64 inside the PEM block is damaged") from None
    return Block(found["label"].decode(), body), found.end()


def _why_none(data: bytes) -> str:
    if b"Proc-Type: 4,ENCRYPTED" in data:
        return "OpenSSL's old PEM encryption is not read; decrypt it first: openssl pkey -in FILE"
    if b"-----BEGIN " in data[1:] and not data.startswith(b"-----BEGIN "):
        return "there is text before the PEM block; give the block alone"
    return "the private key is not PEM"


def invalid(message: str) -> SignerdError:
    """Error for a private key that can't be taken; the message never holds key bytes."""
    return SignerdError(Reason.PRIVATE_KEY_INVALID, message, field="private_key")
