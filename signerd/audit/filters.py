"""Which records somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Facets(msgspec.Struct, gc=False):
    """The fields of a record that it can be found by."""

    time: str = ""
    shard: str = ""
    sequence: int = 0
    key: str = ""
    version: int = 0
    caller: str = ""
    operation: str = ""
    outcome: str = ""
    reason: str = ""
    digest: str = ""
    request_id: str = ""

    @property
    def micros(self) -> int:
        """Microseconds since 1970; 0 where `time` is none."""
        try:
            return (datetime.fromisoformat(self.time) - EPOCH) // _MICROSECOND
        except (ValueError, TypeError, OverflowError):
            return 0


_decode = msgspec.json.Decoder(Facets).decode
NOTHING: Final = Facets()


def facets_of(body: bytes) -> Facets:
    """The facets of a record's JSON; empty ones where it is no record."""
    try:
        return _decode(body)
    except msgspec.DecodeError:
        return NOTHING


TEXTS: Final = ("shard", "key", "caller", "operation", "outcome", "reason", "digest", "request_id")


@dataclass(frozen=True, slots=True)
class Filter:
    """Records from one time (microseconds since 1970) on, and before another; of all that is set."""

    since: int | None = None
    until: int | None = None
    shard: str = ""
    key: str = ""
    version: int = 0
    caller: str = ""
    operation: str = ""
    outcome: str = ""
    reason: str = ""
    digest: str = ""
    request_id: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it lets everything pass."""
        return self == ALL

    def matches(self, found: Facets) -> bool:
        """Whether a record is wanted."""
        for name in TEXTS:
            wanted = getattr(self, name)
            if wanted and wanted != getattr(found, name):
                return False
        if self.version and self.version != found.version:
            return False
        if self.since is None and self.until is None:
            return True
        micros = found.micros
        return (self.since is None or self.since <= micros) and (self.until is None or micros < self.until)


ALL: Final = Filter()
