"""Streams out of order, methods nobody knows and bytes that are no message: each has an answer of ours."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signerd.v1.keys_pb2 import CreateKeyRequest
from signerd.v1.signer_pb2 import SignRequest, SignStreamRequest
from tests.integration.process.unharmed import ED25519, HUGE, KEY, daemon, header, here, unharmed
from tests.integration.process.wire import OK, STREAM, UNARY, Refusal, Wire

__all__ = ["daemon", "here", "unharmed"]


CHUNK = SignStreamRequest(chunk=b"0123456789").SerializeToString()
INVALID_STREAM = Refusal("INVALID_ARGUMENT", "STREAM_INVALID")
STREAMS = [
    ((), INVALID_STREAM._replace(field="header")),
    ((CHUNK,), INVALID_STREAM._replace(field="header")),
    ((b"",), INVALID_STREAM._replace(field="part")),
    ((header(key=KEY, length=-1),), INVALID_STREAM._replace(field="header.length")),
    ((header(key=KEY, length=11), CHUNK), INVALID_STREAM._replace(field="chunk")),
    ((header(key=KEY, length=9), CHUNK), INVALID_STREAM._replace(field="chunk")),
    ((header(key=KEY, length=10), header(key=KEY, length=10)), INVALID_STREAM._replace(field="header")),
    (
        (header(key=ED25519, length=HUGE), CHUNK),
        Refusal("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE", "header.length"),
    ),
    (
        (header(key=KEY, length=10, input_crc32c=1), CHUNK),
        Refusal("INVALID_ARGUMENT", "CHECKSUM_MISMATCH", "input_crc32c"),
    ),
    ((header(key=KEY, length=10), b"\xff\xff"), Refusal("INVALID_ARGUMENT", "REQUEST_MALFORMED")),
    ((header(key=KEY, length=10), CHUNK), OK),
]


@pytest.mark.parametrize(("messages", "expected"), STREAMS)
def test_streams(here: Wire, messages: tuple[bytes, ...], expected: Refusal) -> None:
    assert here.stream(*messages) == expected


def test_too_large_for_us_and_too_large_for_the_transport(here: Wire) -> None:
    ours = SignRequest(key=KEY, message=bytes(5 << 20)).SerializeToString()
    assert here.unary("Signer/Sign", ours) == Refusal("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE")
    transports = SignRequest(key=KEY, message=bytes(20 << 20)).SerializeToString()
    assert here.unary("Signer/Sign", transports).code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("method", ["Signer/Nothing", "Nothing/Sign", "", "Signer/Sign/x"])
def test_methods_that_nobody_knows(here: Wire, method: str) -> None:
    assert here.unary(method, b"") == Refusal("UNIMPLEMENTED", "METHOD_UNKNOWN")
    assert here.unary(method, b"", package="other.").code == "UNIMPLEMENTED"


@pytest.mark.parametrize("method", [*UNARY, STREAM])
@given(junk=st.binary(min_size=1, max_size=200))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_message(here: Wire, method: str, junk: bytes) -> None:
    # A tag of field 0 is no protobuf, whatever follows.
    answer = here.stream(b"\x00" + junk) if method == STREAM else here.unary(method, b"\x00" + junk)
    assert answer == Refusal("INVALID_ARGUMENT", "REQUEST_MALFORMED")


@pytest.mark.parametrize("method", [*UNARY, STREAM])
@given(junk=st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_have_an_answer_of_ours(here: Wire, method: str, junk: bytes) -> None:
    if method == "Keys/CreateKey":
        junk += CreateKeyRequest(algorithm="none").SerializeToString()
    answer = here.stream(junk) if method == STREAM else here.unary(method, junk)
    assert answer.code in ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNAVAILABLE", "RESOURCE_EXHAUSTED")
    assert answer == OK or answer.reason not in ("", "INTERNAL")
