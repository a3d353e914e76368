"""SignStream: whatever the chunks, a stream is its bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import google_crc32c
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signerd.attestation.envelopes import pae
from signerd.core.keys import Purpose, State
from signerd.errors import Reason
from signerd.v1 import signer_pb2 as pb
from tests.unit.engine.parts import (
    PAYLOAD_LIMIT,
    Engine,
    check_signature,
    chunk,
    header,
    refused,
)

TYPE = "application/vnd.in-toto+json"
ALGORITHMS = [
    "ecdsa-p256-sha256",
    "ecdsa-p521-sha512",
    "ed25519",
    "ed25519ph",
    "ml-dsa-44",
    "rsa-pss-2048-sha256",
]
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Chunks with ends at the cuts; an empty one where two are the same."""
    ends = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


# What counts is where chunks end, around the sizes of blocks and of the first bytes that are looked at.
contents = st.integers(0, 2000).map(lambda length: bytes(number % 251 for number in range(length)))


async def stream(engine: Engine, key: str, chunks: list[bytes], **fields: Any) -> pb.SignResponse:
    length = fields.pop("length", sum(map(len, chunks)))
    return await engine.stream([header(key, length, **fields), *map(chunk, chunks)])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_stream_is_signed_as_the_whole(engine: Engine, algorithm: str) -> None:
    key = await engine.add_key("k", algorithm)
    loop = asyncio.get_running_loop()

    @quick
    @given(data=contents, cuts=st.lists(st.integers(0, 2000), max_size=6))
    async def check(data: bytes, cuts: list[int]) -> None:
        signed = await stream(engine, "k", split(data, cuts))
        check_signature(key, data, signed.signature)

    await asyncio.to_thread(run_all, check, loop)


def run_all(check: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Run a property in a thread, each of its examples on the loop that the engine lives on."""
    inner = check.hypothesis.inner_test
    check.hypothesis.inner_test = lambda *args, **kwargs: asyncio.run_coroutine_threadsafe(
        inner(*args, **kwargs), loop
    ).result(60)
    check()


@pytest.mark.parametrize("algorithm", ["ecdsa-p256-sha256", "ed25519"])
async def test_an_encoding_split_anywhere_is_its_envelope(engine: Engine, algorithm: str) -> None:
    key = await engine.add_key("k", algorithm)
    data = pae(TYPE, b'{"x": 1}')
    for cut in range(len(data) + 1):
        signed = await stream(engine, "k", split(data, [cut]), request_id=f"{cut}")
        check_signature(key, data, signed.signature)
    signed = await stream(engine, "k", [bytes([byte]) for byte in data], request_id="bytewise")
    check_signature(key, data, signed.signature)
    assert {record.payload_type for record in engine.records()} == {TYPE}
    assert {record.digest for record in engine.records()} == {digest(data, key.algorithm.hash)}


def digest(data: bytes, hash_: object) -> str:
    return f"{hash_ or 'sha256'}:{hashlib.sha256(data).hexdigest()}"


async def test_a_declared_type_makes_an_envelope(engine: Engine) -> None:
    for name in ALGORITHMS:
        key = await engine.add_key(name, name)
        signed = await stream(engine, name, [b"{}", b"", b"[]"], payload_type=TYPE)
        check_signature(key, pae(TYPE, b"{}[]"), signed.signature)
    assert {record.payload_type for record in engine.records()} == {TYPE}


async def test_a_payload_of_a_declared_type_may_look_like_an_encoding(engine: Engine) -> None:
    key = await engine.add_key("k")
    signed = await stream(engine, "k", [b"DSSEv1 x"], payload_type=TYPE)
    check_signature(key, pae(TYPE, b"DSSEv1 x"), signed.signature)


@pytest.mark.parametrize("data", [b"DSSEv1 ", b"DSSEv1 x", pae(TYPE, b"ab") + b"c", pae(TYPE, b"ab")[:-1]])
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_what_only_begins_like_an_encoding_is_refused(engine: Engine, data: bytes, size: int) -> None:
    await engine.add_key("k")
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    assert (await refused(stream(engine, "k", chunks))).reason is Reason.ENVELOPE_INVALID
    assert engine.record().reason == "ENVELOPE_INVALID"


async def test_a_long_stream_that_only_begins_like_an_encoding(engine: Engine) -> None:
    await engine.add_key("k")
    data = b"DSSEv1 4 abcd 5000 " + bytes(6000)
    assert (await refused(stream(engine, "k", [data[:9], data[9:]]))).reason is Reason.ENVELOPE_INVALID


async def test_an_empty_stream(engine: Engine) -> None:
    key = await engine.add_key("k")
    for chunks in ([], [b""], [b"", b""]):
        check_signature(key, b"", (await stream(engine, "k", chunks)).signature)


H2 = header("k", 2)
BROKEN: dict[str, tuple[list[Any], Reason]] = {
    "too short": ([H2, chunk(b"a")], Reason.STREAM_INVALID),
    "nothing": ([H2], Reason.STREAM_INVALID),
    "too long": ([H2, chunk(b"abc")], Reason.STREAM_INVALID),
    "too long later": ([H2, chunk(b"ab"), chunk(b"c")], Reason.STREAM_INVALID),
    "negative": ([header("k", -1)], Reason.STREAM_INVALID),
    "no header": ([chunk(b"ab"), H2], Reason.STREAM_INVALID),
    "no message": ([], Reason.STREAM_INVALID),
    "two headers": ([H2, chunk(b"a"), H2, chunk(b"b")], Reason.STREAM_INVALID),
    "second header at the end": ([H2, chunk(b"ab"), H2], Reason.STREAM_INVALID),
    "an empty message": ([H2, chunk(b"a"), b"", chunk(b"b")], Reason.STREAM_INVALID),
    "an empty first message": ([b"", H2, chunk(b"ab")], Reason.STREAM_INVALID),
    "garbage": ([H2, b"\xff\xff"], Reason.REQUEST_MALFORMED),
    "garbage first": ([b"\xff\xff"], Reason.REQUEST_MALFORMED),
    "damaged": ([header("k", 2, input_crc32c=1), chunk(b"ab")], Reason.CHECKSUM_MISMATCH),
    "bad type": ([header("k", 2, payload_type="a\nb"), chunk(b"ab")], Reason.PAYLOAD_TYPE_INVALID),
    "bad id": ([header("k", 2, request_id="a b")], Reason.REQUEST_ID_INVALID),
    "bad trace": ([header("k", 2, traceparent="x")], Reason.TRACEPARENT_INVALID),
    "no key": ([header("nobody", 2), chunk(b"ab")], Reason.KEY_NOT_FOUND),
    "bad name": ([header("../k", 2), chunk(b"ab")], Reason.KEY_NAME_INVALID),
    "no version": ([header("k", 2, version=9), chunk(b"ab")], Reason.VERSION_NOT_FOUND),
    "bad version": ([header("k", 2, version=-1), chunk(b"ab")], Reason.VERSION_INVALID),
    "not active": ([header("old", 2, version=2), chunk(b"ab")], Reason.VERSION_STATE),
    "the daemon's": ([header("bundle", 2), chunk(b"ab")], Reason.KEY_PURPOSE),
    "ahead": ([header("k", 2, min_revision=99), chunk(b"ab")], Reason.STATE_STALE),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_streams_that_are_refused(engine: Engine, case: str) -> None:
    await engine.add_key("k")
    await engine.add_key("old", states=[State.ACTIVE, State.VERIFY_ONLY])
    await engine.add_key("bundle", purpose=Purpose.BUNDLE)
    parts, reason = BROKEN[case]
    error = await refused(engine.stream(parts))
    assert error.reason is reason
    record = engine.record()
    assert (record.operation, record.reason, record.signature_sha256) == ("sign-stream", reason.name, "")
    assert engine.under_way == 0


async def test_checksums_both_ways(engine: Engine) -> None:
    await engine.add_key("k")
    crc = int(google_crc32c.value(b"abc"))
    signed = await stream(engine, "k", [b"a", b"bc"], input_crc32c=crc)
    assert signed.signature_crc32c == google_crc32c.value(signed.signature)
    assert not (await stream(engine, "k", [b"abc"])).HasField("signature_crc32c")
    wrong = stream(engine, "k", [b"acb"], input_crc32c=crc)
    assert (await refused(wrong)).reason is Reason.CHECKSUM_MISMATCH


async def test_pure_ed25519_takes_what_fits_into_memory(engine: Engine) -> None:
    key = await engine.add_key("k", "ed25519")
    data = bytes(PAYLOAD_LIMIT)
    check_signature(key, data, (await stream(engine, "k", [data])).signature)
    error = await refused(stream(engine, "k", [], length=PAYLOAD_LIMIT + 1))
    assert (error.reason, error.field) == (Reason.REQUEST_TOO_LARGE, "header.length")
    assert "ed25519ph" in error.message


@pytest.mark.parametrize("algorithm", ["ed25519ph", "ml-dsa-44", "ecdsa-p256-sha256"])
async def test_others_take_more(engine: Engine, algorithm: str) -> None:
    key = await engine.add_key("k", algorithm)
    chunks = [bytes([number]) * 100_000 for number in range(5)]
    check_signature(key, b"".join(chunks), (await stream(engine, "k", chunks)).signature)


async def test_validate_only_signs_nothing(engine: Engine) -> None:
    await engine.add_key("k", provider="far")
    engine.far.fault = AssertionError("asked to sign")
    signed = await stream(engine, "k", [b"ab"], validate_only=True)
    assert (signed.signature, signed.key_version) == (b"", "keys/k/versions/1")
    record = engine.record()
    assert (record.operation, record.outcome, record.signature_sha256) == ("validate", "ok", "")


@pytest.mark.parametrize("fields", [{"length": 3}, {"request_id": "a b"}, {"version": 9}])
async def test_validate_only_is_on_record_as_such_when_it_is_refused(
    engine: Engine, fields: dict[str, Any]
) -> None:
    await engine.add_key("k")
    await refused(stream(engine, "k", [b"ab"], validate_only=True, **fields))
    assert (engine.record().operation, engine.record().outcome) == ("validate", "refused")
