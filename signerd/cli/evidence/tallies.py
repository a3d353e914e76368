"""What the records of a period come to: changes, refusals, and who signed with what. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from signerd.exports.records import Fields, fields_of, number_of, text_of

SIGNING: Final = ("sign", "sign-stream")
ROUTINE: Final = frozenset(
    {
        *SIGNING,
        "sign-intent",
        "verify",
        "public-key",
        "heartbeat",
        "canary",
        "check-keys",
        "discover-keys",
        "prove-record",
        "evidence",
        "unknown",
    }
)
"""Operations that change nothing; so do those whose names begin as READING has it. All others are changes."""
READING: Final = ("get-", "list-", "tail-", "export-")


@dataclass(frozen=True, slots=True)
class Quote:
    """A record as a table quotes it: where it stands, and its bytes."""

    shard: str
    sequence: int
    time: str
    body: bytes

    @property
    def order(self) -> tuple[str, str, int]:
        """By time."""
        return self.time, self.shard, self.sequence


@dataclass(slots=True)
class Count:
    """How often something happened, and when for the first and the last time."""

    count: int = 0
    first: str = ""
    last: str = ""

    def add(self, time: str, count: int) -> None:
        """It happened again."""
        self.count += count
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)


@dataclass(slots=True)
class Quotes:
    """The first `most` records of each shard; of the others only how many there are."""

    most: int
    records: list[Quote] = field(default_factory=list)
    left_out: int = 0
    _taken: dict[str, int] = field(default_factory=dict)

    def add(self, quote: Quote) -> None:
        """Take one, if there is room."""
        taken = self._taken.get(quote.shard, 0)
        if taken >= self.most:
            self.left_out += 1
            return
        self._taken[quote.shard] = taken + 1
        self.records.append(quote)


Refusal = tuple[str, str, str, str]
"""Reason, operation, caller, key."""
Use = tuple[str, str, str, str]
"""Key, version, caller, outcome."""


@dataclass(slots=True)
class Tally:
    """Adds up records. Records that no checkpoint covers are not quoted: `covered` has the sizes by shard."""

    covered: dict[str, int]
    most: int
    records: int = 0
    changes: Quotes = field(init=False)
    refusals: Quotes = field(init=False)
    groups: dict[Refusal, Count] = field(default_factory=dict)
    activity: dict[Use, Count] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.changes, self.refusals = Quotes(self.most), Quotes(self.most)

    def take(self, bodies: Iterable[bytes]) -> None:
        """Add records, each as canonical JSON. Raises AUDIT_CORRUPT."""
        for body in bodies:
            self._add(body, fields_of(body))

    def _add(self, body: bytes, fields: Fields) -> None:
        time, count = text_of(fields, "time"), number_of(fields, "count") or 1
        operation, outcome = text_of(fields, "operation"), text_of(fields, "outcome")
        key, caller = text_of(fields, "key"), text_of(fields, "caller")
        self.records += 1
        if operation in SIGNING:
            use = (key, text_of(fields, "version"), caller, outcome)
            self.activity.setdefault(use, Count()).add(time, count)
        if outcome == "refused":
            group = (text_of(fields, "reason"), operation, caller, key)
            self.groups.setdefault(group, Count()).add(time, count)
            self._quote(self.refusals, body, fields)
        elif is_change(operation):
            self._quote(self.changes, body, fields)

    def _quote(self, quotes: Quotes, body: bytes, fields: Fields) -> None:
        shard, sequence = text_of(fields, "shard"), number_of(fields, "sequence")
        if sequence > self.covered.get(shard, 0):
            quotes.left_out += 1
        else:
            quotes.add(Quote(shard, sequence, text_of(fields, "time"), body))


def is_change(operation: str) -> bool:
    """Whether an operation is administration; one that is not known here is taken for it."""
    return operation not in ROUTINE and not operation.startswith(READING)
