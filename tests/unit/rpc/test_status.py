"""SignerdError to google.rpc.Status."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signerd.errors import Reason, SignerdError
from signerd.rpc.status import to_status
from tests.support.refusals import Refused

TRAILERS = 8 * 1024


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_is_told(reason: Reason) -> None:
    error = Refused(to_status(SignerdError(reason, "what is wrong", field="a.b", retry_after=1.25), "r-1"))
    assert (error.reason, error.code.value[0]) == (reason, reason.value.code)
    assert (error.message, error.field, error.retry) == ("what is wrong", "a.b", 1.25)
    assert error.metadata == {"remedy": reason.value.remedy, "request_id": "r-1"}


def test_what_there_is_not_is_not_told() -> None:
    status = to_status(SignerdError(Reason.KEY_NOT_FOUND))
    assert len(status.details) == 1
    assert status.message == Reason.KEY_NOT_FOUND.value.meaning


@given(st.lists(st.tuples(st.characters(), st.integers(1, 3000)), max_size=4))
@example([("\U0001f600", 9000)])
@example([("\ud800", 1)])
def test_all_that_is_sent_fits_into_trailers(runs: list[tuple[str, int]]) -> None:
    message = "".join(character * count for character, count in runs)
    for reason in (Reason.KEY_NAME_INVALID, Reason.LABELS_INVALID, Reason.PRIVATE_KEY_INVALID):
        status = to_status(SignerdError(reason, message, field="envelope.payloadType", retry_after=1e6))
        packed = base64.b64encode(status.SerializeToString())
        assert len(packed) + len(quote(status.message)) + 512 < TRAILERS
        Refused(status)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_short_messages_stay_as_they_are(message: str) -> None:
    assert to_status(SignerdError(Reason.INTERNAL, message or "-")).message == (message or "-")
