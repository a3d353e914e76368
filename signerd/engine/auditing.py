"""Reading the audit log for callers; reading it is on record too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signerd.audit.log import Log
from signerd.audit.reading import get_record, list_records
from signerd.audit.records import Record, decode
from signerd.authz.identity import Caller
from signerd.core.names import check_key_name
from signerd.engine.directory import check_call, check_page_size
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError

MAX_PAGE = 1000
DEFAULT_PAGE = 50
OUTCOMES = ("", "ok", "refused", "failed")


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and its bytes as they stand in the log."""

    record: Record
    json: bytes


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Records, newest first; the token asks for the next page, empty on the last."""

    records: Sequence[Found]
    next_token: str


@dataclass(slots=True)
class AuditReader:
    """Reads all shards in `directory`; `log` is the shard of this worker."""

    directory: Path
    log: Log
    recorder: Recorder

    async def page(self, caller: Caller, call: ReadCall, size: int, token: str, outcome: str) -> RecordPage:
        """A page of records, of one key or outcome if asked for; size 0 is 50, at most 1,000."""
        facts = Facts("list-records", call.key, 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            check_page_size(size, MAX_PAGE)
            check_filter(call.key, outcome)
            page = await asyncio.to_thread(
                list_records,
                self.directory,
                page_size=size or DEFAULT_PAGE,
                page_token=token,
                predicate=lambda record: matches(record, call.key, outcome),
                own={self.log.shard: self.log.end},
            )
            return RecordPage([Found(entry.record, entry.json) for entry in page.entries], page.next_token)

    async def record(self, caller: Caller, call: ReadCall, shard: str, sequence: int) -> Found:
        """One record; raises AUDIT_RECORD_NOT_FOUND."""
        facts = Facts("get-record", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            own = self.log.end if shard == self.log.shard else None
            body = await asyncio.to_thread(get_record, self.directory, shard, sequence, own)
            return Found(decode(body), body)


def matches(record: Record, key: str, outcome: str) -> bool:
    """Whether a record is of the key and the outcome; an empty one matches all."""
    return (not key or record.key == key) and (not outcome or record.outcome == outcome)


def check_filter(key: str, outcome: str) -> None:
    """Raise KEY_NAME_INVALID or REQUEST_MALFORMED."""
    if key:
        check_key_name(key)
    if outcome not in OUTCOMES:
        raise SignerdError(
            Reason.REQUEST_MALFORMED,
            f"outcome {outcome[:32]!r} is not ok, refused or failed",
            field="outcome",
        )
