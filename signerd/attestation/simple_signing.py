"""The payload that cosign signs for an image: simple signing (containers/image, docs/containers-signature.5.md)."""

from __future__ import annotations

import json
import re
from typing import Final

from signerd.attestation.subjects import Contents, Subject, cut, invalid, members, no_constant

PAYLOAD_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
TYPES: Final = ("cosign container image signature", "atomic container signature")
LARGEST: Final = 1 << 16
LONGEST_REFERENCE: Final = 128
_BEGINNING: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"(?:critical|optional)"')
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_decode = json.JSONDecoder(object_pairs_hook=members, parse_constant=no_constant).decode


def looks_like(message: bytes) -> bool:
    """Whether a message without a payload type may be one: it begins with one of its two members."""
    return message[:1] in (b"{", b" ", b"\t", b"\r", b"\n") and bool(_BEGINNING.match(message[:256]))


def read_simple_signing(payload: bytes) -> Contents:
    """The image, by its reference and manifest digest, as the only subject; raises PAYLOAD_INVALID.

    Takes at most 64 KiB. What stands under `optional` is not looked at.
    """
    if len(payload) > LARGEST:
        raise invalid(f"a simple-signing payload of {len(payload)} bytes is not read, {LARGEST} are the most")
    try:
        critical = _member(_decode(payload.decode()), "critical")
    except (ValueError, RecursionError):
        raise invalid("it is not JSON in UTF-8") from None
    reference = _member(_member(critical, "identity"), "docker-reference")
    digest = _member(_member(critical, "image"), "docker-manifest-digest")
    if _member(critical, "type") not in TYPES:
        raise invalid(f"critical.type is not {' or '.join(TYPES)}")
    if not isinstance(reference, str) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise invalid("docker-reference or docker-manifest-digest is not one")
    return Contents("", (Subject(digest, cut(reference, LONGEST_REFERENCE)),), 1)


def _member(value: object, name: str) -> object:
    if not isinstance(value, dict) or name not in value:
        raise invalid(f"it has no {name}")
    return value[name]
