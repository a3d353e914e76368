"""CloudEvents 1.0 in JSON, with the extensions `sequence`, `partitionkey` and `traceparent`.

Events of one log have one source, `INSTANCE/SHARD`, and the record's sequence as id: together they are unique.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from signerd.exports.records import fields_of, number_of, text_of

BATCH_TYPE: Final = "application/cloudevents-batch+json"
TYPE_PREFIX: Final = "signerd.audit."
_encode = msgspec.json.Encoder().encode


def event(record: bytes, instance: str) -> bytes:
    """A record as an event; `data` is the record byte for byte. Raises AUDIT_CORRUPT."""
    fields = fields_of(record)
    sequence, shard = number_of(fields, "sequence"), text_of(fields, "shard")
    attributes = {
        "specversion": "1.0",
        "id": str(sequence),
        "source": f"{instance}/{shard}" if instance else shard,
        "type": TYPE_PREFIX + (text_of(fields, "operation") or "unknown"),
        "datacontenttype": "application/json",
        "partitionkey": shard,
        "sequence": f"{sequence:020d}",  # orders as text
    }
    for attribute, name in (("time", "time"), ("subject", "key"), ("traceparent", "traceparent")):
        value = text_of(fields, name)
        if value:
            attributes[attribute] = value
    return _encode(attributes)[:-1] + b',"data":' + record + b"}"


def batch(records: Iterable[bytes], instance: str) -> bytes:
    """A batch as the JSON event format has it (section 4)."""
    return b"[" + b",".join(event(record, instance) for record in records) + b"]"


def line(record: bytes, instance: str) -> str:
    """The event and a newline."""
    return event(record, instance).decode() + "\n"
