"""What the entries of a log say: canonical JSON, numbers without gaps, times that go on, and records about the log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import msgspec

from signerd.auditor.verdicts import wrong

FORMAT: Final = 1
ENTRY_LIMIT: Final = 1 << 16
LARGEST: Final = (1 << 53) - 1
RUN_BEGINS: Final = ("start", "shard-begun", "audit-recovered")
ROTATED: Final = "log-key-rotated"
PRUNED: Final = "audit-pruned"
BEGUN: Final = "shard-begun"
# Tuples: a field may be a list, which no set takes.
OUTCOMES: Final = ("ok", "refused", "failed")
NOTABLE: Final = (ROTATED, PRUNED, BEGUN)
UNUSUAL: Final = (*NOTABLE, None, "")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_TO_SECOND: Final = 19

Number = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
Value = str | Number | list[str | Number | dict[str, str | Number | dict[str, str]]] | dict[str, str | Number]
Record = dict[str, Value]

# RFC 8785: keys in order, no blanks, no floats, integers within 2^53 - 1; msgspec escapes as section 3.2.2.2 wants.
_decoder = msgspec.json.Decoder(Record)
_encoder = msgspec.json.Encoder(order="deterministic")
_decode, _lines = _decoder.decode, _decoder.decode_lines
_encode, _encode_lines = _encoder.encode, _encoder.encode_lines


@dataclass(frozen=True, slots=True)
class Notable:
    """A record about the log itself: its number in the shard and its fields."""

    sequence: int
    fields: Record


class Records:
    """Checks the records of one shard in their order."""

    def __init__(self, shard: str) -> None:
        self.shard = shard
        self.notable: list[Notable] = []
        self._latest = ""

    def take(self, entries: Sequence[bytes], first: int) -> None:
        """Check entries, the first of which is record number `first`. Raises AUDIT_EVIDENCE_INVALID."""
        if not entries:
            return
        records = _parsed(entries)
        if records is None or not self._take_plain(records, first):
            for sequence, entry in enumerate(entries, first):
                self._latest = self._examine(entry, sequence)

    def _take_plain(self, records: Sequence[Record], first: int) -> bool:
        """Whether canonical records are all well, with nothing in them to look at; much faster than one by one."""
        count = len(records)
        times = [record.get("time") for record in records]
        if not (
            [record.get("sequence") for record in records] == list(range(first, first + count))
            and [record.get("shard") for record in records] == [self.shard] * count
            and [record.get("v") for record in records] == [FORMAT] * count
            and False not in [record.get("outcome") in OUTCOMES for record in records]
            and False not in [record.get("operation") not in UNUSUAL for record in records]
        ):
            return False
        texts = [time for time in times if isinstance(time, str)]
        if len(texts) != count or texts[0] < self._latest or sorted(texts) != texts or not _are_times(texts):
            return False
        self._latest = texts[-1]
        return True

    def of(self, operation: str) -> list[Notable]:
        """The records of an operation about the log."""
        return [one for one in self.notable if one.fields["operation"] == operation]

    def _examine(self, entry: bytes, sequence: int) -> str:
        """Check one record; gives its time."""
        name = f"{self.shard}/{sequence}"
        record = _decoded(entry, name)
        if len(entry) >= ENTRY_LIMIT:
            wrong(name, "has 64 KiB or more")
        for field, right in (("sequence", sequence), ("shard", self.shard), ("v", FORMAT)):
            if record.get(field) != right:
                wrong(name, f"says {field} {record.get(field)!r}, where {right!r} should stand")
        if record.get("outcome") not in OUTCOMES or not record.get("operation"):
            wrong(name, "has no operation, or no outcome that is known")
        if record["operation"] in NOTABLE:
            self.notable.append(Notable(sequence, record))
        return self._checked_time(record, name)

    def _checked_time(self, record: Record, name: str) -> str:
        time = record.get("time")
        if not isinstance(time, str) or not _are_times([time]):
            wrong(name, f"has no time in UTC with microseconds: {time!r}")
        if time < self._latest and record["operation"] not in RUN_BEGINS:
            wrong(name, f"is of {time}, before the record in front of it ({self._latest})")
        return time


def _parsed(entries: Sequence[bytes]) -> list[Record] | None:
    """All records, if they are canonical and below the limit. No canonical one has a newline, so lines are entries."""
    lines = b"\n".join(entries) + b"\n"
    try:
        records = _lines(lines)
        canonical = _encode_lines(records) == lines
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return (
        records
        if canonical and len(records) == len(entries) and max(map(len, entries)) < ENTRY_LIMIT
        else None
    )


def _decoded(entry: bytes, name: str) -> Record:
    try:
        record = _decode(entry)
        canonical = _encode(record) == entry
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        wrong(name, f"is no record: {error}")
    if not canonical:
        wrong(name, "is not canonical JSON (RFC 8785)")
    return record


def _are_times(texts: Sequence[str]) -> bool:
    """Whether all are times, RFC 3339 in UTC with microseconds, and in the calendar."""
    if None in [_TIME.fullmatch(text) for text in texts]:
        return False
    try:
        for second in {text[:_TO_SECOND] for text in texts}:
            datetime.fromisoformat(second)
    except ValueError:
        return False
    return True
