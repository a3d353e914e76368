"""Events follow CloudEvents 1.0.2 (github.com/cloudevents/spec: spec.md, formats/json-format.md, extensions)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from signerd.audit.records import Record, encode
from signerd.exports.cloudevents import batch, event, line

# What formats/cloudevents.json of the specification asks for, and the rules of spec.md that a schema can hold.
VALIDATOR = Draft7Validator(
    {
        "type": "object",
        "required": ["id", "source", "specversion", "type"],
        "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
        "properties": {
            "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9/_.-]+$"},
            "specversion": {"const": "1.0"},
            "type": {"type": "string", "minLength": 1},
            "datacontenttype": {"const": "application/json"},
            "subject": {"type": "string", "minLength": 1},
            "time": {"type": "string", "pattern": "^[0-9-]{10}T[0-9:]{8}(\\.[0-9]+)?Z$"},
            "partitionkey": {"type": "string", "minLength": 1},
            "sequence": {"type": "string", "minLength": 1},
            "traceparent": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
            "data": {"type": "object"},
        },
        "additionalProperties": False,
    }
)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def record_of(sequence: int = 7, **fields: object) -> bytes:
    given_fields = {"operation": "sign", "outcome": "ok", "time": "2026-11-22T14:00:00.000001Z"} | fields
    return encode(Record(sequence=sequence, shard="worker-0", v=1, **given_fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{}, {"key": "team-a/release", "traceparent": TRACE}, {"time": ""}])
def test_events_are_valid(fields: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(event(record_of(**fields), "0123abcd")))


def test_an_event_by_the_letter() -> None:
    shown = json.loads(event(record_of(key="team-a/release", traceparent=TRACE), "0123abcd"))
    data = shown.pop("data")
    assert shown == {
        "specversion": "1.0",
        "id": "7",
        "source": "0123abcd/worker-0",
        "type": "signerd.audit.sign",
        "datacontenttype": "application/json",
        "partitionkey": "worker-0",
        "sequence": "00000000000000000007",
        "time": "2026-11-22T14:00:00.000001Z",
        "subject": "team-a/release",
        "traceparent": TRACE,
    }
    assert data == json.loads(record_of(key="team-a/release", traceparent=TRACE))


@given(st.integers(1, 1 << 53), st.integers(1, 1 << 53))
def test_sequences_order_as_text(one: int, other: int) -> None:
    first, second = (json.loads(event(record_of(number), ""))["sequence"] for number in (one, other))
    assert (first < second) == (one < other)


@given(st.text(max_size=40))
def test_the_record_is_in_it_byte_for_byte(detail: str) -> None:
    record = record_of(detail=detail)
    assert event(record, "i").endswith(b',"data":' + record + b"}")
    assert json.loads(line(record, "i"))["data"] == json.loads(record)


def test_a_batch_is_an_array() -> None:
    records = [record_of(1), record_of(2)]
    assert [one["id"] for one in json.loads(batch(records, "i"))] == ["1", "2"]
    assert batch([], "i") == b"[]"
    assert re.fullmatch("[^\n]*\n", line(records[0], "i"))


def test_times_are_rfc_3339() -> None:
    assert datetime.fromisoformat(json.loads(event(record_of(), ""))["time"]).tzinfo is not None
