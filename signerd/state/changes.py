"""Answers to changes, kept so that the same request gets the first answer again; runs inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from signerd.errors import Reason, SignerdError
from signerd.state.authentication import change_mac, check_change
from signerd.state.rows import ChangeRow, to_microseconds
from signerd.state.schema import CHANGES
from signerd.state.state_key import StateKey

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """Who asked for which change. `request_hash` covers what makes two requests the same; an empty id is never kept."""

    request_id: str
    caller: str
    request_hash: bytes
    kind: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a change and the revision it made; `repeated` if it was given before."""

    response: bytes
    revision: int
    repeated: bool = False


def find_answer(
    connection: Connection, secret: StateKey, instance: str, change: ChangeRequest
) -> Answer | None:
    """The first answer to this request; raises REQUEST_ID_REUSED or STATE_TAMPERED."""
    if not change.request_id:
        return None
    same = (CHANGES.c.request_id == change.request_id) & (CHANGES.c.caller == change.caller)
    found = connection.execute(select(CHANGES).where(same)).one_or_none()
    if found is None:
        return None
    row = ChangeRow._make(found)
    check_change(secret, instance, row)
    if (row.request_hash, row.kind) != (change.request_hash, change.kind):
        message = f"request_id {change.request_id!r} came before with another request; use a new id"
        raise SignerdError(Reason.REQUEST_ID_REUSED, message, field="request_id")
    return Answer(row.response, row.revision, repeated=True)


def keep_answer(
    connection: Connection,
    secret: StateKey,
    instance: str,
    change: ChangeRequest,
    answer: Answer,
    now: datetime,
) -> None:
    """Keep the answer, and drop those older than `KEPT`."""
    connection.execute(CHANGES.delete().where(CHANGES.c.created < to_microseconds(now - KEPT)))
    if not change.request_id:
        return
    row = ChangeRow(
        change.request_id,
        change.caller,
        change.request_hash,
        change.kind,
        answer.response,
        answer.revision,
        to_microseconds(now),
        b"",
    )
    row = row._replace(mac=change_mac(secret, instance, row))
    connection.execute(CHANGES.insert().values(row._asdict()))
