"""Events are of OCSF's class API Activity (6003), with all attributes that the class and its objects require.

The rules below are those of github.com/ocsf/ocsf-schema, version 1.2.0, the same in 1.1.0 and 1.9.0-dev:
events/base_event.json, events/application/api_activity.json and
objects/{actor,api,metadata,network_endpoint,product,request,user}.json.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from signerd.audit.records import Record, encode
from signerd.exports.ocsf import line

SCHEMA = {
    "type": "object",
    "required": [
        "activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint",
        "time", "type_uid",
    ],
    "properties": {
        "activity_id": {"enum": [0, 1, 2, 3, 4, 99]},
        "activity_name": {"type": "string"},
        "actor": {
            "type": "object",
            "required": ["user"],
            "properties": {"user": {"type": "object", "required": ["uid"], "properties": {"uid": {"type": "string"}}}},
        },
        "api": {
            "type": "object",
            "required": ["operation"],
            "properties": {
                "operation": {"type": "string", "minLength": 1},
                "request": {"type": "object", "required": ["uid"], "properties": {"uid": {"type": "string"}}},
                "response": {
                    "type": "object",
                    "properties": {"error": {"type": "string"}, "error_message": {"type": "string"}},
                    "additionalProperties": False,
                },
                "service": {"type": "object", "required": ["name"]},
            },
            "additionalProperties": False,
        },
        "category_uid": {"const": 6},
        "class_uid": {"const": 6003},
        "count": {"type": "integer", "minimum": 2},
        "metadata": {
            "type": "object",
            "required": ["product", "version"],
            "properties": {
                "correlation_uid": {"type": "string"},
                "log_name": {"type": "string"},
                "original_time": {"type": "string"},
                "product": {
                    "type": "object",
                    "required": ["vendor_name"],
                    "properties": {"name": {"type": "string"}, "vendor_name": {"type": "string"}},
                    "additionalProperties": False,
                },
                "sequence": {"type": "integer"},
                "uid": {"type": "string"},
                "version": {"type": "string", "pattern": "^1\\.[0-9]+\\.[0-9]+$"},
            },
            "additionalProperties": False,
        },
        "raw_data": {"type": "string"},
        "resources": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("name", "type", "uid", "version")},
                "additionalProperties": False,
            },
        },
        "severity_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        "src_endpoint": {
            "type": "object",
            "anyOf": [{"required": ["ip"]}, {"required": ["name"]}],
            "properties": {
                "ip": {"type": "string"},
                "name": {"type": "string"},
                "port": {"type": "integer", "minimum": 0, "maximum": 65535},
            },
            "additionalProperties": False,
        },
        "status": {"enum": ["Success", "Failure", "Unknown"]},
        "status_code": {"type": "string"},
        "status_detail": {"type": "string"},
        "status_id": {"enum": [0, 1, 2, 99]},
        "time": {"type": "integer"},
        "type_uid": {"enum": [600300, 600301, 600302, 600303, 600304, 600399]},
    },
    "additionalProperties": False,
}  # fmt: skip

VALIDATOR = Draft7Validator(SCHEMA)


def shown(instance: str = "0123abcd", **fields: object) -> dict[str, object]:
    known = {
        "operation": "sign",
        "outcome": "ok",
        "time": "2026-11-22T14:00:00.123456Z",
        "caller": "unix:ci",
    } | fields
    record = encode(Record(sequence=7, shard="worker-0", v=1, **known))  # type: ignore[arg-type]
    event: dict[str, object] = json.loads(line(record, instance))
    VALIDATOR.validate(event)
    assert event["type_uid"] == 600300 + int(str(event["activity_id"]))
    assert event["raw_data"] == record.decode()
    return event


def test_a_signature_by_the_letter() -> None:
    event = shown(key="team-a/release", version=3, key_id="ab12", peer="ipv4:192.0.2.1:4711", request_id="r1")
    del event["raw_data"]
    assert event == {
        "activity_id": 99,
        "activity_name": "sign",
        "category_uid": 6,
        "class_uid": 6003,
        "type_uid": 600399,
        "severity_id": 1,
        "status_id": 1,
        "status": "Success",
        "time": 1795356000123,
        "metadata": {
            "version": "1.2.0",
            "product": {"name": "signerd", "vendor_name": "signerd"},
            "log_name": "0123abcd/worker-0",
            "uid": "0123abcd/worker-0/7",
            "sequence": 7,
            "original_time": "2026-11-22T14:00:00.123456Z",
        },
        "actor": {"user": {"uid": "unix:ci"}},
        "api": {"operation": "sign", "service": {"name": "signerd"}, "request": {"uid": "r1"}},
        "src_endpoint": {"ip": "192.0.2.1", "port": 4711},
        "resources": [{"type": "key", "name": "team-a/release", "uid": "ab12", "version": "3"}],
    }


@pytest.mark.parametrize(
    ("operation", "activity"),
    [("create-key", 1), ("import-key-begun", 1), ("list-records", 2), ("public-key", 2), ("rotate-key", 3),
     ("destroy-key", 4), ("sign-stream", 99), ("start", 99), ("unknown", 99)],
)  # fmt: skip
def test_operations_are_activities(operation: str, activity: int) -> None:
    assert shown(operation=operation)["activity_id"] == activity


@pytest.mark.parametrize(
    ("outcome", "severity", "status"), [("ok", 1, 1), ("refused", 2, 2), ("failed", 3, 2), ("odd", 1, 0)]
)
def test_outcomes_are_statuses(outcome: str, severity: int, status: int) -> None:
    event = shown(outcome=outcome, reason="KEY_NOT_FOUND", detail="no such key")
    assert (event["severity_id"], event["status_id"]) == (severity, status)
    assert (event["status_code"], event["status_detail"]) == ("KEY_NOT_FOUND", "no such key")


@pytest.mark.parametrize(("count", "event_count"), [(0, None), (1, None), (500, 500)])
def test_a_record_of_many_requests_is_an_aggregate(count: int, event_count: int | None) -> None:
    assert shown(count=count).get("count") == event_count


@pytest.mark.parametrize(
    ("peer", "listener", "endpoint"),
    [
        ("ipv6:[2001:db8::1]:443", "tcp", {"ip": "2001:db8::1", "port": 443}),
        ("", "ci", {"name": "ci"}),
        ("unix:", "ci", {"name": "ci"}),
        ("ipv4:nonsense", "", {"name": "signerd"}),
        ("", "", {"name": "signerd"}),
    ],
)
def test_peers_are_endpoints(peer: str, listener: str, endpoint: dict[str, object]) -> None:
    assert shown(peer=peer, listener=listener)["src_endpoint"] == endpoint


@settings(deadline=None)
@given(
    operation=st.text(max_size=20), outcome=st.text(max_size=8), time=st.text(max_size=30), peer=st.text(max_size=30),
    caller=st.text(max_size=9), key=st.text(max_size=9), reason=st.text(max_size=9),
)  # fmt: skip
def test_any_record_makes_a_valid_event(**fields: str) -> None:
    shown(**fields)
