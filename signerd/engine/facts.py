"""What is known of requests, and the records that are made of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final

import msgspec
from msgspec.structs import replace

from signerd.attestation.subjects import Contents
from signerd.audit.records import Record
from signerd.authz.identity import Caller
from signerd.core.inputs import SigningInput
from signerd.engine.keyring import SigningVersion
from signerd.engine.payloads import described
from signerd.errors import Reason, SignerdError

INTENT: Final = "sign-intent"
DENIALS: Final = frozenset({Reason.CALLER_DENIED, Reason.CALLER_UNAUTHENTICATED, Reason.KEY_PURPOSE})
ALLOWED, DENIED = "allow", "deny"


class Facts(msgspec.Struct):
    """What is known of a request; filled in as it goes, written whatever happens.

    `error` is why there is nothing to answer. `sequence` is the place in the worker's log; what came of the request
    may be released once the future that `Recorder.append` gave is done. `intended` is the record that preceded the call
    to a provider outside this process, and `intent` its sequence.
    """

    operation: str
    key: str = ""
    version: int = 0
    request_id: str = ""
    traceparent: str = ""
    by: SigningVersion | None = None
    payload_type: str = ""
    contents: Contents | None = None
    signed: SigningInput | None = None
    signature: bytes = b""
    error: SignerdError | None = None
    sequence: int = 0
    intent: int = 0
    intended: Record | None = None


@lru_cache(maxsize=1024)
def common_part(caller: Caller, by: SigningVersion | None, operation: str) -> Record:
    """What the records of a caller's requests with one version have in common; each is a copy of this."""
    return Record(
        algorithm=by.algorithm.name if by else "",
        caller=caller.subject,
        decision=ALLOWED if by else "",
        key=by.key.name if by else "",
        key_id=by.key_id if by else "",
        listener=caller.listener,
        operation=operation,
        outcome="ok",
        peer=caller.peer,
        proof=caller.proof,
        provider=by.provider.name if by else "",
        version=by.version.number if by else 0,
    )


class Request(msgspec.Struct):
    """One request that has ended, with the facts of each of its items; `duration_us` in microseconds."""

    caller: Caller
    items: Sequence[Facts]
    duration_us: int
    revision: int

    def records(self) -> list[Record]:
        """A record for each item."""
        made = []
        by, operation, common = None, "", None
        for facts in self.items:
            if facts.intended is not None:
                made.append(self._result(facts, facts.intended))
                continue
            if common is None or facts.by is not by or facts.operation != operation:
                by, operation = facts.by, facts.operation
                common = common_part(self.caller, by, operation)
            record = replace(
                common,
                digest=described(facts.signed) if facts.signed is not None else "",
                duration_us=self.duration_us,
                request_id=facts.request_id or secrets.token_hex(16),
                revision=self.revision,
                signature_sha256=sha256(facts.signature).hexdigest() if facts.signature else "",
            )
            if (
                facts.payload_type
                or facts.traceparent
                or facts.error
                or facts.by is None
                or facts.contents is not None
            ):
                complete(record, facts)
            made.append(record)
        return made

    def _result(self, facts: Facts, intended: Record) -> Record:
        """What came of an intent: the same record, with its end."""
        record = replace(
            intended,
            duration_us=self.duration_us,
            intent=facts.intent,
            operation=facts.operation,
            signature_sha256=sha256(facts.signature).hexdigest() if facts.signature else "",
        )
        if facts.error is not None:
            fail(record, facts.error)
        return record


class Intents(Request):
    """What is about to be asked of providers outside this process; each item keeps its record for the result."""

    def records(self) -> list[Record]:
        """A record for each item."""
        made = super().records()
        for facts, record in zip(self.items, made, strict=True):
            record.operation = INTENT
            facts.intended = record
        return made


def complete(record: Record, facts: Facts) -> None:
    """Add what few requests have."""
    record.payload_type = facts.payload_type
    record.traceparent = facts.traceparent
    if facts.by is None:
        record.key, record.version = facts.key, facts.version
    if facts.contents is not None:
        record.predicate_type = facts.contents.predicate_type
        record.subjects = facts.contents.subjects
        record.subject_count = facts.contents.count
        record.detail = facts.contents.problem
    if facts.error is not None:
        fail(record, facts.error)


def fail(record: Record, error: SignerdError) -> None:
    """Say why there is nothing to answer."""
    record.outcome = "refused" if error.refused else "failed"
    record.reason = error.reason.name
    record.detail = error.message
    if error.reason in DENIALS:
        record.decision = DENIED
