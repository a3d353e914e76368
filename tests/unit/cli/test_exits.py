"""Exit codes: each reason has one, and none of them can be taken for another's meaning."""

from __future__ import annotations

import errno

import pytest

from signerd.cli.exits import Exit, exit_of, exit_of_file
from signerd.codes import Code
from signerd.errors import Reason, SignerdError


@pytest.mark.parametrize("reason", list(Reason))
def test_no_error_is_ok(reason: Reason) -> None:
    assert exit_of(SignerdError(reason)) is not Exit.OK


def test_only_a_wrong_signature_says_that_it_does_not_verify() -> None:
    found = {reason for reason in Reason if exit_of(SignerdError(reason)) is Exit.MISMATCH}
    assert found == {Reason.SIGNATURE_MISMATCH, Reason.SIGNATURE_MALFORMED, Reason.AUDIT_EVIDENCE_INVALID}


def test_only_what_is_absent_is_not_found() -> None:
    found = {reason for reason in Reason if exit_of(SignerdError(reason)) is Exit.NOT_FOUND}
    assert found == {reason for reason in Reason if reason.value.code is Code.NOT_FOUND}


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.AUDIT_UNAVAILABLE, 4),
        (Reason.DEADLINE, 4),
        (Reason.OVERLOADED, 4),
        (Reason.PROVIDER_INTEGRITY, 4),
        (Reason.METHOD_UNKNOWN, 4),
        (Reason.REQUEST_TOO_LARGE, 3),
        (Reason.KEY_EXISTS, 3),
        (Reason.CALLER_UNAUTHENTICATED, 3),
        (Reason.SOCKET_UNTRUSTED, 3),
        (Reason.DIGEST_LENGTH, 2),
        (Reason.ENDPOINT_INVALID, 2),
    ],
)
def test_codes(reason: Reason, code: int) -> None:
    assert exit_of(SignerdError(reason)) == code


@pytest.mark.parametrize(("number", "code"), [(errno.ENOENT, 2), (errno.EACCES, 2), (errno.ENOSPC, 4)])
def test_files(number: int, code: int) -> None:
    assert exit_of_file(OSError(number, "x")) == code
