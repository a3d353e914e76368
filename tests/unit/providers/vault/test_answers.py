"""What statuses and texts mean, and that nothing Vault says reaches the caller."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.errors import Reason, SignerdError
from signerd.providers.vault.answers import Answer, Reader
from signerd.providers.vault.transit import _ShownAnswer

READER = Reader("vault")


def answer(status: int, *errors: str) -> Answer:
    return Answer(status, json.dumps({"errors": errors}).encode())


def refused(given: Answer) -> SignerdError:
    with pytest.raises(SignerdError) as caught:
        READER.checked(given, "sign")
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("signing key not found", Reason.KEY_MATERIAL_UNREADABLE),
        (
            "requested version for signing is higher than the latest key version",
            Reason.KEY_MATERIAL_UNREADABLE,
        ),
        ("no such key version", Reason.KEY_MATERIAL_UNREADABLE),
        ("requested version for signing does not contain a private part", Reason.KEY_MATERIAL_UNREADABLE),
        (
            "requested version for signing is less than the minimum encryption key version",
            Reason.KEY_MATERIAL_DISABLED,
        ),
        ("ciphertext or signature version is disallowed by policy (too old)", Reason.KEY_MATERIAL_DISABLED),
        ("refusing to use soft-deleted key", Reason.KEY_MATERIAL_DISABLED),
        ("the import path cannot be used with an existing key; use import-version", Reason.KEY_EXISTS),
        ('no handler for route "x/sign/k". route entry not found.', Reason.PROVIDER_REFUSED),
        ("namespace not found", Reason.PROVIDER_REFUSED),
        ("Vault is sealed", Reason.PROVIDER_UNAVAILABLE),
        ("OpenBao is sealed", Reason.PROVIDER_UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_a_text_means_the_same_with_any_status(text: str, expected: Reason, status: int) -> None:
    assert refused(answer(status, text)).reason is expected
    assert refused(answer(status, f"1 error occurred:\n\t* {text}\n\n")).reason is expected
    assert READER.item_refused(text, "sign").reason is expected


def test_the_callers_error_has_our_words_and_the_log_has_theirs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        error = refused(answer(400, "strange words, s.aTokenOfSomebodyElse00000"))
    assert "strange" not in f"{error!r}"
    assert "strange words" in caplog.text
    assert "s.aToken" not in caplog.text


def test_waiting_after_a_rate_limit() -> None:
    assert refused(Answer(429, b"", 12.0)).retry_after == 12
    assert refused(Answer(429, b"")).retry_after == 1


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_answer_is_success_or_a_typed_error(status: int, body: bytes) -> None:
    given_answer = Answer(status, body)
    assert isinstance(given_answer.errors, list)
    if status in (200, 204):
        assert READER.checked(given_answer, "sign") is given_answer
    else:
        assert refused(given_answer).reason.name.startswith(("PROVIDER_", "KEY_"))


@given(st.binary(max_size=200))
def test_a_body_is_what_it_should_be_or_unreadable(body: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        READER.data(Answer(200, body), _ShownAnswer, "read")
    assert caught.value.reason is Reason.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("given_answer", "absent"),
    [
        (Answer(404, b'{"errors":[]}'), True),
        (Answer(404, b""), False),
        (Answer(404, b"<html>404</html>"), False),
        (Answer(404, b'{"message":"no Route matched"}'), False),
        (answer(404, "no handler for route"), False),
        (Answer(200, b""), False),
        (Answer(403, b""), False),
    ],
)
def test_what_is_not_there(given_answer: Answer, absent: bool) -> None:
    assert given_answer.absent is absent


@pytest.mark.parametrize(
    "body", [b"", b"<html>404</html>", b'{"message":"no Route matched"}', b'{"errors":7}']
)
def test_a_404_of_something_before_vault_says_nothing_of_keys(body: bytes) -> None:
    assert refused(Answer(404, body)).reason is Reason.PROVIDER_UNAVAILABLE
    assert refused(answer(404)).reason is Reason.KEY_MATERIAL_UNREADABLE
