"""One audit record and its canonical form: RFC 8785 JSON, byte for byte reproducible.

Canonical by construction: the fields stand in the order of their names, all names are ASCII, numbers are integers
within ±(2^53 - 1), and msgspec escapes strings as RFC 8785 section 3.2.2.2 wants. Fields that are empty (`""` or 0)
are left out.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from signerd.attestation.subjects import CUT, LONGEST_NAME, MOST_SUBJECTS, Subject, cut

__all__ = ["CUT", "Clock", "Record", "bounded", "decode", "encode"]
FORMAT: Final = 1
LARGEST_INTEGER: Final = (1 << 53) - 1
LONGEST_PLAIN: Final = 4096
LONGEST_TEXT: Final = 256
LONGEST_DIGEST: Final = 160


class Record(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What one request, or one item of a batch, asked for and what became of it.

    Never a payload, PIN, token or password. `sequence`, `shard`, `time` and `v` are the log's to set: a record belongs
    to the log once it is appended. Times are UTC, RFC 3339, with microseconds. `count`: how many requests it stands for
    where that is not one. `intent`: sequence of the record that preceded the call to a provider outside the process.
    """

    algorithm: str = ""
    caller: str = ""
    count: int = 0
    decision: str = ""
    detail: str = ""
    digest: str = ""
    duration_us: int = 0
    intent: int = 0
    key: str = ""
    key_id: str = ""
    listener: str = ""
    operation: str
    outcome: str
    payload_type: str = ""
    peer: str = ""
    policy_sha256: str = ""
    predicate_type: str = ""
    proof: str = ""
    provider: str = ""
    reason: str = ""
    request_id: str = ""
    revision: int = 0
    rule: str = ""
    sequence: int = 0
    shard: str = ""
    signature_sha256: str = ""
    subject_count: int = 0
    subjects: tuple[Subject, ...] = ()
    time: str = ""
    traceparent: str = ""
    v: int = 0
    version: int = 0

    def records(self) -> list[Record]:
        """Itself: a record can be appended as it is."""
        return [self]


class Clock:
    """Formats nanoseconds since 1970 as `2006-01-02T15:04:05.000000Z`; never goes back."""

    def __init__(self) -> None:
        self._latest = 0
        self._second = -1
        self._prefix = ""

    def stamp(self, now: int) -> str:
        """Format `now`, or the latest time given before if that was later."""
        self._latest = micros = max(now // 1000, self._latest)
        second = micros // 1_000_000
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return f"{self._prefix}{micros % 1_000_000:06d}Z"


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """Canonical JSON of a record, always under 64 KiB.

    A record over 4 KiB has its texts cut to 256 characters each; lone surrogates become `?`.
    """
    if not -LARGEST_INTEGER <= record.version <= LARGEST_INTEGER:
        record.version = LARGEST_INTEGER if record.version > 0 else -LARGEST_INTEGER
    try:
        body = _encode(record)
    except UnicodeEncodeError:
        return _encode(_cut(record))
    return body if len(body) <= LONGEST_PLAIN else _encode(_cut(record))


def decode(body: bytes) -> Record:
    """Read a record back; fields of later formats are passed over. Raises msgspec.DecodeError."""
    return _decoder.decode(body)


def bounded(text: str, limit: int = LONGEST_TEXT) -> str:
    """Cut a text that others chose, with a mark where it was cut, and replace lone surrogates."""
    return cut(text, limit)


def _cut(record: Record) -> Record:
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, str):
            setattr(record, name, bounded(value))
    record.subjects = tuple(
        Subject(bounded(one.digest, LONGEST_DIGEST), bounded(one.name, LONGEST_NAME))
        for one in record.subjects[:MOST_SUBJECTS]
    )
    return record
