"""Requests that read the audit log, and what the clients that read it have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Unpack

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from signerd.client.arguments import CallOptions, FilterOptions, Positions, RecordOptions
from signerd.client.requests import identified
from signerd.client.retries import can_repeat
from signerd.errors import Reason, SignerdError
from signerd.v1 import audit_pb2 as pb
from signerd.v1.resources_pb2 import AuditPosition

RESUMED = frozenset({Reason.READER_TOO_SLOW, Reason.DAEMON_UNREACHABLE, Reason.CANCELLED})
MOST_PAUSE = 5.0


def record_filter(options: FilterOptions) -> pb.RecordFilter:
    """The filter of a call; raises REQUEST_MALFORMED for a time without a zone."""
    wanted = pb.RecordFilter(
        key=options.get("key", ""),
        version=options.get("version", 0),
        caller=options.get("caller", ""),
        operation=options.get("operation", ""),
        outcome=options.get("outcome", ""),
        reason=options.get("reason", ""),
        digest=options.get("digest", ""),
        request_id=options.get("record", ""),
        shard=options.get("shard", ""),
    )
    for name, time in (("since", options.get("since")), ("until", options.get("until"))):
        if time is not None:
            getattr(wanted, name).CopyFrom(timestamp(time, name))
    return wanted


def timestamp(time: datetime, name: str) -> Timestamp:
    """A time as it goes over the wire; raises REQUEST_MALFORMED where it has no zone."""
    if time.tzinfo is None:
        raise SignerdError(
            Reason.REQUEST_MALFORMED, f"{name} has no time zone; give one, such as UTC", field=name
        )
    made = Timestamp()
    made.FromDatetime(time.astimezone(UTC))
    return made


def list_request(
    *, page_size: int = 0, page_token: str = "", **options: Unpack[FilterOptions]
) -> pb.ListRecordsRequest:
    """A page of records."""
    return pb.ListRecordsRequest(
        page_size=page_size,
        page_token=page_token,
        filter=record_filter(options),
        **identified(ids_of(options)),
    )


def tail_request(after: Positions, heartbeat: float, options: FilterOptions) -> pb.TailRecordsRequest:
    """Records as they come."""
    return pb.TailRecordsRequest(
        after=positions_message(after),
        heartbeat=Duration(seconds=int(heartbeat), nanos=int(heartbeat % 1 * 1e9)),
        filter=record_filter(options),
        **identified(ids_of(options)),
    )


def export_request(after: Positions, options: FilterOptions) -> pb.ExportRecordsRequest:
    """All records."""
    return pb.ExportRecordsRequest(
        after=positions_message(after), filter=record_filter(options), **identified(ids_of(options))
    )


def ids_of(options: FilterOptions | RecordOptions) -> CallOptions:
    """Those of the options that every call has."""
    return {
        "request_id": options.get("request_id", ""),
        "traceparent": options.get("traceparent", ""),
    }


def positions_message(after: Positions) -> list[AuditPosition]:
    """Positions as they go over the wire."""
    return [AuditPosition(shard=shard, sequence=sequence) for shard, sequence in sorted(after.items())]


def can_resume(error: SignerdError) -> bool:
    """Whether a stream may go on after an error."""
    return can_repeat(error) or error.reason in RESUMED


class Pauses:
    """How long to wait before a stream is taken up again; `patience` in seconds since it last gave something."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._attempt = 0
        self._waited = 0.0

    def worked(self) -> None:
        """The stream gave something."""
        self._attempt, self._waited = 0, 0.0

    def after(self, error: SignerdError) -> float:
        """Seconds to wait; raises the error where it is of no use, or the patience is over."""
        pause = min(MOST_PAUSE, 0.1 * float(1 << self._attempt))
        if not can_resume(error) or self._waited + pause > self._patience:
            raise error
        self._attempt = min(self._attempt + 1, 10)
        self._waited += pause
        return pause
