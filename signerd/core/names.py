"""Names of keys and versions."""

from __future__ import annotations

import re

from signerd.errors import Reason, SignerdError

MAX_NAME = 128
MAX_REQUEST_ID = 64
RESERVED = "signerd."
_SEGMENT = r"(?!\.{1,2}(?:/|\Z))(?!versions(?:/|\Z))[a-z0-9._-]+"
_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*\Z")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


def check_key_name(name: str, field: str = "key") -> str:
    """Give the name back if it is one; raises KEY_NAME_INVALID."""
    if len(name) <= MAX_NAME and _NAME.match(name):
        return name
    shown = name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…"
    raise SignerdError(
        Reason.KEY_NAME_INVALID,
        f"{shown!r} is not a key name; {Reason.KEY_NAME_INVALID.value.remedy}",
        field=field,
    )


def check_unreserved(name: str, field: str = "name") -> None:
    """Raise KEY_NAME_INVALID for the name of a key that the daemon makes for itself."""
    if name.startswith(RESERVED):
        raise SignerdError(
            Reason.KEY_NAME_INVALID,
            f"{name!r} begins with {RESERVED}, which the daemon keeps for its own keys; choose another name",
            field=field,
        )


def version_name(key: str, version: int) -> str:
    """Resource name of a version: `keys/NAME/versions/N`."""
    return f"keys/{key}/versions/{version}"


def check_request_id(value: str) -> str:
    """Give the id back if it is empty or printable ASCII of at most 64 bytes; raises REQUEST_ID_INVALID."""
    # Faster than a regular expression, and this is asked for every signature.
    if len(value) <= MAX_REQUEST_ID and value.isascii() and value.isprintable() and " " not in value:
        return value
    raise SignerdError(
        Reason.REQUEST_ID_INVALID,
        f"request_id has {len(value)} characters or some that are not printable ASCII; at most 64 are taken",
        field="request_id",
    )


def check_traceparent(value: str) -> str:
    """Give the value back if it is empty or a traceparent (W3C Trace Context, 3.2); raises TRACEPARENT_INVALID."""
    if not value or _TRACEPARENT.match(value):
        return value
    raise SignerdError(
        Reason.TRACEPARENT_INVALID, "traceparent is not `00-<32 hex>-<16 hex>-<2 hex>`", field="traceparent"
    )


def check_ids(request_id: str, traceparent: str) -> None:
    """Raise REQUEST_ID_INVALID or TRACEPARENT_INVALID: what every request has checked first."""
    check_request_id(request_id)
    check_traceparent(traceparent)
