"""A record as export formats see it: its JSON taken apart."""

from __future__ import annotations

import msgspec

from signerd.errors import Reason, SignerdError

Fields = dict[str, object]
_decoder = msgspec.json.Decoder(Fields)


def fields_of(record: bytes) -> Fields:
    """The fields of a record's JSON. Raises AUDIT_CORRUPT where it is no JSON object."""
    try:
        return _decoder.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise SignerdError(Reason.AUDIT_CORRUPT, "a record is no JSON object", field="record") from None


def text_of(fields: Fields, name: str) -> str:
    """A field as text; empty where it is missing."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def number_of(fields: Fields, name: str) -> int:
    """A field that is a number; 0 where it is missing or is none."""
    value = fields.get(name, 0)
    return value if isinstance(value, int) else 0
