"""Simple signing, and which format a payload is read by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.attestation.contents import contents
from signerd.attestation.simple_signing import LARGEST, PAYLOAD_TYPE, looks_like, read_simple_signing
from signerd.attestation.subjects import Contents, Subject
from signerd.errors import Reason, SignerdError
from tests.unit.attestation.test_statements import HEX, SLSA, statement

COSIGN = "cosign container image signature"


def simple(
    reference: Any = "registry.example.org/app",
    digest: Any = f"sha256:{HEX}",
    kind: Any = COSIGN,
    **more: Any,
) -> bytes:
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": kind,
    }
    return json.dumps({"critical": critical, "optional": None, **more}).encode()


IMAGE = Contents("", (Subject(f"sha256:{HEX}", "registry.example.org/app"),), 1)


@pytest.mark.parametrize("kind", [COSIGN, "atomic container signature"])
def test_the_image_is_the_subject(kind: str) -> None:
    assert read_simple_signing(simple(kind=kind)) == IMAGE


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"critical": null}',
        b"\xff",
        b"[" * 50_000,
        b'{"critical":' * 5_000,
        simple(kind="other"),
        simple(reference=None),
        simple(digest="sha256:" + "A" * 64),
        simple(digest="sha256:00"),
        simple(digest="md5:" + "0" * 32),
        simple()[:-1] + b', "critical": {}}',
        simple(more="x" * LARGEST),
    ],
)
def test_what_is_no_simple_signing_payload_is_refused(payload: bytes) -> None:
    with pytest.raises(SignerdError) as caught:
        read_simple_signing(payload)
    assert caught.value.reason is Reason.PAYLOAD_INVALID


@given(st.binary(max_size=200))
def test_nothing_raises_anything_else(payload: bytes) -> None:
    reason = None
    try:
        read_simple_signing(payload)
    except SignerdError as error:
        reason = error.reason
    assert reason in (None, Reason.PAYLOAD_INVALID)


def test_a_payload_is_read_by_its_type() -> None:
    found = contents("application/vnd.in-toto+json", statement())
    assert found is not None
    assert found.predicate_type == SLSA
    assert contents(PAYLOAD_TYPE, simple()) == IMAGE
    assert contents("text/plain", statement()) is None


@pytest.mark.parametrize(
    ("payload_type", "payload"),
    [("application/vnd.in-toto+json", simple()), (PAYLOAD_TYPE, statement()), (PAYLOAD_TYPE, b"")],
)
def test_a_payload_that_is_not_what_its_type_promises_is_noted(payload_type: str, payload: bytes) -> None:
    found = contents(payload_type, payload)
    assert found is not None
    assert (found.predicate_type, found.subjects, found.count) == ("", (), 0)
    assert "can be read" in found.problem


@pytest.mark.parametrize("blanks", [b"", b"\n  \t"])
def test_cosign_signs_simple_signing_bare(blanks: bytes) -> None:
    assert contents("", blanks + simple()) == IMAGE


@pytest.mark.parametrize("message", [b"", b"bytes", b"{}", b'{"critical": {}}', statement(), b"{" * 1000])
def test_other_messages_promise_nothing(message: bytes) -> None:
    assert contents("", message) is None


def test_looking_takes_no_more_than_the_beginning() -> None:
    assert not looks_like(b" " * 1000 + simple())
    assert looks_like(b'{"optional": 1')
