"""Texts that stand for bytes and numbers, each in one way only."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from typing import Final

LARGEST: Final = (1 << 63) - 1
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def base64_bytes(text: str) -> bytes | None:
    """Bytes of canonical base64 (RFC 4648, section 4: padded, unused bits zero), or None."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if b64encode(data).decode() == text else None


def base64_text(data: bytes) -> str:
    """The one text that `base64_bytes` takes for these bytes."""
    return b64encode(data).decode()


def decimal(text: str) -> int | None:
    """A number from 0 to 2^63 - 1 in ASCII digits without leading zeros, or None."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = int(text)
    return number if number <= LARGEST else None


def is_key_name(name: str) -> bool:
    """Whether a note's key may have that name (c2sp.org/signed-note): not empty, no Unicode spaces, no plus sign."""
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)
