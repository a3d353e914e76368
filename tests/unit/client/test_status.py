"""Errors from the wire, and what is tried again."""

from __future__ import annotations

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from signerd.client.retries import Backoff, can_repeat
from signerd.client.status import error_from_status, error_from_wire
from signerd.codes import Code
from signerd.errors import Reason, SignerdError
from tests.unit.client.fake_daemon import status_of


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_comes_back_as_itself(reason: Reason) -> None:
    packed = status_of(reason, "what happened").SerializeToString()
    error = error_from_wire(reason.value.code, "ignored", packed)
    assert (error.reason, error.message) == (reason, "what happened")


def test_details_become_field_and_waiting_time() -> None:
    error = error_from_status(status_of(Reason.OVERLOADED, field="items[3].key", wait=0.25))
    assert (error.field, error.retry_after) == ("items[3].key", 0.25)


def test_an_unknown_reason_stays_readable_and_its_code_decides() -> None:
    error = error_from_status(status_of("QUOTA_SPENT", "no more today", code=Code.PERMISSION_DENIED))
    assert error.reason is Reason.CALLER_DENIED
    assert "no more today" in error.message
    assert "QUOTA_SPENT" in error.message


def test_reasons_of_other_domains_are_not_ours() -> None:
    status = status_of(Reason.SIGNATURE_MISMATCH)
    status.details[0].value = status.details[0].value.replace(b"signerd.dev", b"another.dev")
    assert error_from_status(status).reason is not Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    ("code", "details", "reason"),
    [
        (Code.UNAVAILABLE, "connection refused", Reason.DAEMON_UNREACHABLE),
        (Code.DEADLINE_EXCEEDED, "", Reason.DEADLINE),
        (Code.RESOURCE_EXHAUSTED, "CLIENT: Received message larger than max", Reason.REQUEST_TOO_LARGE),
        (Code.RESOURCE_EXHAUSTED, "busy", Reason.OVERLOADED),
        (Code.UNIMPLEMENTED, "", Reason.METHOD_UNKNOWN),
        (Code.UNKNOWN, "", Reason.INTERNAL),
        (77, "", Reason.INTERNAL),
    ],
)
def test_without_details_the_code_decides(code: int, details: str, reason: Reason) -> None:
    assert error_from_wire(code, details, b"").reason is reason


@given(st.binary(max_size=64))
def test_any_trailer_gives_an_error(packed: bytes) -> None:
    assert isinstance(error_from_wire(Code.INTERNAL, "x", packed), SignerdError)


def test_no_fallback_is_taken_for_a_wrong_signature() -> None:
    for code in Code:
        error = error_from_status(Status(code=code))
        assert error.reason is not Reason.SIGNATURE_MISMATCH


def test_pauses_grow_and_end_with_the_attempts() -> None:
    backoff = Backoff(first=0.1, factor=2, most=0.3, attempts=4)
    error = SignerdError(Reason.DAEMON_UNREACHABLE)
    pauses = [backoff.pause(error, attempt, 10.0, jitter=max) for attempt in range(1, 6)]
    assert pauses == [0.1, 0.2, 0.3, None, None]


@given(st.integers(1, 5), st.floats(0, 5), st.none() | st.floats(0, 5))
def test_a_pause_ends_before_the_deadline(attempt: int, left: float, wait: float | None) -> None:
    error = SignerdError(Reason.PROVIDER_TIMEOUT, retry_after=wait)
    pause = Backoff().pause(error, attempt, left)
    assert pause is None or (wait or 0) <= pause < left


def test_only_what_may_go_better_is_repeated() -> None:
    able = {reason for reason in Reason if can_repeat(SignerdError(reason))}
    assert able == {reason for reason in Reason if reason.value.code is Code.UNAVAILABLE}
    assert can_repeat(SignerdError(Reason.OVERLOADED, retry_after=0.0))
