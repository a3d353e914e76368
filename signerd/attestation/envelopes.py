"""DSSE envelopes as JSON (DSSE v1.0.2, envelope.md); the payload stays the bytes it is."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from signerd.attestation.pae import (
    PAE_PREFIX,
    check_payload_type,
    pae,
    pae_header,
    parse_pae,
    parse_pae_header,
)
from signerd.errors import Reason, SignerdError

__all__ = [
    "PAE_PREFIX",
    "Envelope",
    "EnvelopeSignature",
    "check_payload_type",
    "pae",
    "pae_header",
    "parse_envelope",
    "parse_pae",
    "parse_pae_header",
    "serialize_envelope",
]

MAX_SIGNATURES = 100
_URLSAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """One signature; `keyid` is a hint, often empty, and decides nothing."""

    value: bytes
    keyid: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Payload, its type, and signatures over the pre-authentication encoding of both."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...]

    @property
    def signed(self) -> bytes:
        """Bytes that the signatures cover."""
        return pae(self.payload_type, self.payload)


def serialize_envelope(envelope: Envelope) -> bytes:
    """Write compact JSON with the members in the order that cosign and Tekton Chains use."""
    document = {
        "payloadType": check_payload_type(envelope.payload_type),
        "payload": base64.b64encode(envelope.payload).decode(),
        "signatures": [
            {"keyid": signature.keyid, "sig": base64.b64encode(signature.value).decode()}
            for signature in envelope.signatures
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def parse_envelope(data: bytes) -> Envelope:
    """Read an envelope; raises ENVELOPE_INVALID or PAYLOAD_TYPE_INVALID.

    Base64 may be standard or URL-safe; unknown members are passed over, members given twice are refused.
    """
    document = _object(_decoded(data), "the envelope")
    payload_type = check_payload_type(_text(document, "payloadType"), field="envelope.payloadType")
    payload = _unbase64(_text(document, "payload"), "payload")
    return Envelope(payload_type, payload, _signatures(document.get("signatures")))


def _decoded(data: bytes) -> object:
    try:
        return json.loads(data.decode(), object_pairs_hook=_members, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _invalid("it is not JSON in UTF-8") from None


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _invalid("a member stands in it twice")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _invalid(f"{what} is not a JSON object")
    return value


def _text(document: dict[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise _invalid(f"{name} is missing or not a string")
    return value


def _signatures(value: object) -> tuple[EnvelopeSignature, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SIGNATURES:
        raise _invalid(f"signatures is not a list of 1 to {MAX_SIGNATURES}")
    return tuple(_signature(_object(item, "a signature")) for item in value)


def _signature(item: dict[str, object]) -> EnvelopeSignature:
    value = _unbase64(_text(item, "sig"), "sig")
    if not value:
        raise _invalid("sig is empty")
    return EnvelopeSignature(value, _text(item, "keyid") if item.get("keyid") is not None else "")


def _unbase64(text: str, name: str) -> bytes:
    """Decode either alphabet, but neither a mixture nor loose bits at the end."""
    standard = text.translate(_URLSAFE)
    mixed = standard != text and ("+" in text or "/" in text)
    try:
        data = base64.b64decode(standard, validate=True)
    except ValueError:
        raise _invalid(f"{name} is not base64") from None
    if mixed or base64.b64encode(data).decode() != standard:
        raise _invalid(f"{name} is not base64 of one alphabet in its canonical form")
    return data


def _invalid(message: str) -> SignerdError:
    return SignerdError(Reason.ENVELOPE_INVALID, f"no DSSE envelope: {message}", field="envelope")
