"""OCSF 1.x: class 6003, API Activity, of category 6, Application Activity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from signerd.exports.records import Fields, fields_of, number_of, text_of

VERSION: Final = "1.2.0"
CATEGORY: Final = 6
CLASS: Final = 6003
CREATE, READ, UPDATE, DELETE, OTHER = 1, 2, 3, 4, 99
_CAPTIONS: Final = {CREATE: "Create", READ: "Read", UPDATE: "Update", DELETE: "Delete", OTHER: "Other"}
# What an operation's first word says of it; signing is none of them.
_ACTIVITIES: Final = {
    **dict.fromkeys(("create", "import", "adopt", "generate", "prepare"), CREATE),
    **dict.fromkeys(
        ("get", "list", "public", "verify", "validate", "check", "discover", "tail", "prove"), READ
    ),
    **dict.fromkeys(
        ("update", "set", "rotate", "publish", "activate", "retire", "enable", "disable"), UPDATE
    ),
    **dict.fromkeys(("destroy", "delete", "remove", "prune", "revoke"), DELETE),
}
# Outcome to severity (informational, low, medium) and status (success, failure).
_OUTCOMES: Final = {"ok": (1, 1), "refused": (2, 2), "failed": (3, 2)}
_STATUS: Final = {1: "Success", 2: "Failure", 0: "Unknown"}
_encode = msgspec.json.Encoder().encode


def line(record: bytes, instance: str) -> str:
    """A record as an event and a newline; `raw_data` is the record as it stands in the log. Raises AUDIT_CORRUPT."""
    fields = fields_of(record)
    return _encode(_event(fields, instance) | {"raw_data": record.decode()}).decode() + "\n"


def _event(fields: Fields, instance: str) -> dict[str, object]:
    operation, moment = text_of(fields, "operation"), _milliseconds(text_of(fields, "time"))
    activity = _ACTIVITIES.get(operation.partition("-")[0], OTHER)
    severity, status = _OUTCOMES.get(text_of(fields, "outcome"), (1, 0))
    event: dict[str, object] = {
        "activity_id": activity,
        "activity_name": operation if activity == OTHER else _CAPTIONS[activity],
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "type_uid": CLASS * 100 + activity,
        "severity_id": severity,
        "status_id": status,
        "status": _STATUS[status],
        "time": moment,
        "metadata": _metadata(fields, instance),
        "actor": {"user": {"uid": text_of(fields, "caller") or "unknown"}},
        "api": _api(fields, operation),
        "src_endpoint": _endpoint(fields),
    }
    _put(event, "status_code", text_of(fields, "reason"))
    _put(event, "status_detail", text_of(fields, "detail"))
    if number_of(fields, "count") > 1:
        event["count"] = number_of(fields, "count")
    if text_of(fields, "key"):
        event["resources"] = [_resource(fields)]
    return event


def _metadata(fields: Fields, instance: str) -> dict[str, object]:
    shard, sequence = text_of(fields, "shard"), number_of(fields, "sequence")
    name = f"{instance}/{shard}" if instance else shard
    metadata: dict[str, object] = {
        "version": VERSION,
        "product": {"name": "signerd", "vendor_name": "signerd"},
        "log_name": name,
        "uid": f"{name}/{sequence}",
        "sequence": sequence,
        "original_time": text_of(fields, "time"),
    }
    _put(metadata, "correlation_uid", text_of(fields, "traceparent"))
    return metadata


def _api(fields: Fields, operation: str) -> dict[str, object]:
    api: dict[str, object] = {"operation": operation or "unknown", "service": {"name": "signerd"}}
    if text_of(fields, "request_id"):
        api["request"] = {"uid": text_of(fields, "request_id")}
    if text_of(fields, "reason"):
        api["response"] = {"error": text_of(fields, "reason"), "error_message": text_of(fields, "detail")}
    return api


def _endpoint(fields: Fields) -> dict[str, object]:
    """Where the request came from: `ipv4:192.0.2.1:4711`, `ipv6:[2001:db8::1]:4711`, or a socket's listener."""
    kind, _, address = text_of(fields, "peer").partition(":")
    host, _, port = address.rpartition(":")
    if kind in ("ipv4", "ipv6") and host and port.isdecimal():
        return {"ip": host.strip("[]"), "port": int(port)}
    return {"name": text_of(fields, "listener") or "signerd"}


def _resource(fields: Fields) -> dict[str, object]:
    resource: dict[str, object] = {"type": "key", "name": text_of(fields, "key")}
    _put(resource, "uid", text_of(fields, "key_id"))
    _put(resource, "version", str(number_of(fields, "version") or ""))
    return resource


def _put(into: dict[str, object], name: str, value: str) -> None:
    if value:
        into[name] = value


def _milliseconds(text: str) -> int:
    """Milliseconds since 1970; 0 where the text is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int(moment.astimezone(UTC).timestamp() * 1000)
