"""CSV (RFC 4180) with a header, safe to open in a spreadsheet."""

from __future__ import annotations

import re
from typing import Final

from signerd.exports.records import fields_of, text_of

COLUMNS: Final = (
    "time", "shard", "sequence", "caller", "proof", "listener", "peer", "operation", "outcome", "reason", "detail",
    "key", "version", "algorithm", "key_id", "provider", "digest", "payload_type", "predicate_type", "subjects",
    "subject_count", "signature_sha256", "decision", "rule", "policy_sha256", "request_id", "traceparent", "intent",
    "count", "revision", "duration_us", "v",
)  # fmt: skip
END: Final = "\r\n"
# Spreadsheets take these, the full-width ones too, for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA: Final = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_QUOTED: Final = re.compile('[",\r\n\t]')


def header() -> str:
    """The names of the columns."""
    return ",".join(COLUMNS) + END


def line(record: bytes) -> str:
    """A record's values; lists and mappings in them are JSON. Raises AUDIT_CORRUPT."""
    fields = fields_of(record)
    return ",".join(field(text_of(fields, name)) for name in COLUMNS) + END


def field(text: str) -> str:
    """One value: what could be a formula begins with an apostrophe, and is quoted."""
    if _FORMULA.match(text):
        text = f"'{text}"
    elif not _QUOTED.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'
