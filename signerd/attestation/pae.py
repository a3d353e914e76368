"""DSSE's pre-authentication encoding (DSSE v1.0.2, protocol.md): what is signed in place of the payload."""

from __future__ import annotations

import re

from signerd.errors import Reason, SignerdError

PAE_PREFIX = b"DSSEv1 "
MAX_PAYLOAD_TYPE = 256
_PAYLOAD_TYPE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")
_LENGTH = re.compile(rb"(0|[1-9][0-9]{0,18}) ")


def check_payload_type(payload_type: str, field: str = "payload_type") -> str:
    """Give the type back if it is 1 to 256 printable ASCII characters, no blank at the ends.

    Raises PAYLOAD_TYPE_INVALID.
    """
    if len(payload_type) <= MAX_PAYLOAD_TYPE and _PAYLOAD_TYPE.match(payload_type):
        return payload_type
    raise SignerdError(
        Reason.PAYLOAD_TYPE_INVALID,
        f"payload type {payload_type[:64]!r} is not 1 to {MAX_PAYLOAD_TYPE} printable ASCII characters",
        field=field,
    )


def pae_header(payload_type: str, length: int) -> bytes:
    """Begin the encoding of a payload of `length` bytes: all that stands before the payload."""
    kind = check_payload_type(payload_type).encode("ascii")
    return b"DSSEv1 %d %s %d " % (len(kind), kind, length)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Encode type and payload; lengths count bytes."""
    return pae_header(payload_type, len(payload)) + payload


def parse_pae(data: bytes) -> tuple[str, bytes]:
    """Split an encoding into type and payload; raises ENVELOPE_INVALID or PAYLOAD_TYPE_INVALID.

    Only the one canonical encoding is taken, so that `pae(*parse_pae(data)) == data`.
    """
    payload_type, length, start = parse_pae_header(data)
    if len(data) - start != length:
        raise _invalid(f"the payload has {len(data) - start} bytes, its length says {length}")
    return payload_type, data[start:]


def parse_pae_header(data: bytes) -> tuple[str, int, int]:
    """Read type and payload length in bytes, and where the payload begins; the payload need not be there."""
    if not data.startswith(PAE_PREFIX):
        raise _invalid("it does not begin with `DSSEv1 `")
    kind_length, start = _length(data, len(PAE_PREFIX), "payload type")
    kind = data[start : start + kind_length]
    if len(kind) != kind_length or data[start + kind_length : start + kind_length + 1] != b" ":
        raise _invalid(f"the payload type is not {kind_length} bytes followed by a blank")
    payload_length, start = _length(data, start + kind_length + 1, "payload")
    return check_payload_type(kind.decode("latin-1")), payload_length, start


def _length(data: bytes, start: int, what: str) -> tuple[int, int]:
    """Number at `start` and where what follows it begins."""
    found = _LENGTH.match(data, start)
    if found is None:
        raise _invalid(f"the length of the {what} is not a decimal number without leading zeros and a blank")
    return int(found[1]), found.end()


def _invalid(message: str) -> SignerdError:
    return SignerdError(
        Reason.ENVELOPE_INVALID, f"no DSSE pre-authentication encoding: {message}", field="message"
    )
