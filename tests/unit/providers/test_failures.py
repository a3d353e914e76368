"""A vendor's words reach the log without secrets, and the caller not at all."""

import logging
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.algorithms import TABLE, Algorithm
from signerd.errors import Reason
from signerd.providers.failures import LONGEST, cleaned, failed, unsupported

logger = logging.getLogger("signerd.providers.test")


class AccessDenied(Exception):
    pass


def test_the_log_has_the_words_and_the_caller_the_kind(caplog: pytest.LogCaptureFixture) -> None:
    error = failed(
        logger,
        "aws",
        Reason.PROVIDER_DENIED,
        AccessDenied("user arn:aws:iam::1:user/x is not authorised"),
        what="can't sign with aws-kms://r/k",
        retry_after=2.0,
    )
    assert error.reason is Reason.PROVIDER_DENIED
    assert error.message == "provider 'aws': can't sign with aws-kms://r/k (AccessDenied)"
    assert error.retry_after == 2.0
    assert "provider aws: PROVIDER_DENIED: can't sign with" in caplog.text
    assert "AccessDenied: user arn:aws:iam::1:user/x is not authorised" in caplog.text


def test_without_words_of_ours_the_reason_speaks(caplog: pytest.LogCaptureFixture) -> None:
    error = failed(logger, "v", Reason.PROVIDER_UNAVAILABLE, "503 sealed")
    assert error.message == "provider 'v': The provider can't be reached or used now"
    assert "503 sealed" in caplog.text


def test_secrets_are_taken_out_before_the_cut(caplog: pytest.LogCaptureFixture) -> None:
    secret = "hunter2" * 10
    failed(logger, "v", Reason.PROVIDER_DENIED, f"{'x' * (LONGEST - 5)}{secret}", secrets=[secret])
    assert "hunter" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "permission denied for hvs.CAESIJ1b2c3d4e5f6g7h8i9j0kLMNOP",
        "X-Vault-Token: s.abcdefghijklmnopqrstuvwx",
        "Authorization: Bearer abc.def-ghi",
        "jwt eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln is expired",
        "-----BEGIN EC PRIVATE KEY-----\nabc.def-ghi\n-----END",
        "pkcs11:token=t?pin-value=abc.def-ghi",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    shown = cleaned(text)
    assert "[removed]" in shown
    for part in ("CAESIJ", "abcdefgh", "abc.def", "eyJzdWIi"):
        assert part not in shown


def test_control_characters_forge_no_lines() -> None:
    assert cleaned("one\r\ntwo\x1b[31m\u2028three") == "one two [31m three"


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789:/+= \n'\"\\%", min_size=4, max_size=40))
def test_a_secret_is_found_in_every_spelling(secret: str) -> None:
    raw = secret.encode()
    for spelling in (
        secret,
        repr(raw),
        repr(secret),
        quote(raw, safe=""),
        raw.hex(),
        b64encode(raw).decode(),
    ):
        shown = cleaned(f"<<{spelling}>>", [raw])
        assert "[removed]" in shown
        assert shown.replace("[removed]", "").strip("<>b'\"=: ") == "", shown


@given(st.binary(min_size=4, max_size=40))
def test_a_secret_of_any_bytes_is_found(secret: bytes) -> None:
    for spelling in (repr(secret), quote(secret, safe=""), secret.hex(), b64encode(secret).decode()):
        assert "[removed]" in cleaned(f"<<{spelling}>>", [secret])


@pytest.mark.parametrize(
    ("others", "named"),
    [(TABLE[1:3], f"{TABLE[1]}, {TABLE[2]}"), ((), "none of signerd's")],
    ids=["some", "none"],
)
def test_the_refusal_of_an_algorithm_names_what_is_possible(
    others: tuple[Algorithm, ...], named: str
) -> None:
    error = unsupported(TABLE[0], "not here", others)
    assert error.reason is Reason.ALGORITHM_UNSUPPORTED
    assert (error.message, error.field) == (f"{TABLE[0]}: not here; possible are {named}", "algorithm")
