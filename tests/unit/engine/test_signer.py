"""Sign: what is signed, what is refused, and that every request is on record once."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from google.rpc.code_pb2 import INTERNAL

from signerd.core.keys import Purpose, State
from signerd.errors import Reason
from tests.unit.engine.parts import ANN, BOB, Engine, Refused, check_signature, refused, sign_request, until
from tests.unit.engine.signing import BYTES, SHA256, SHA512, Input

NAMES = [
    "",
    "..",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "a/",
    "A",
    "a b",
    "a\0",
    "a\n",
    "k/versions/1",
    "ä",
    "a" * 129,
]


@pytest.mark.parametrize("name", NAMES)
async def test_names_with_tricks(engine: Engine, name: str) -> None:
    error = await refused(engine.sign(name))
    assert (error.reason, error.field) == (Reason.KEY_NAME_INVALID, "key")
    assert engine.record().key == name
    assert engine.store.loads == 0


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (-1, Reason.VERSION_INVALID),
        (-(2**63), Reason.VERSION_INVALID),
        (2, Reason.VERSION_NOT_FOUND),
        (2**63 - 1, Reason.VERSION_NOT_FOUND),
    ],
)
async def test_versions_that_are_not_there(engine: Engine, version: int, reason: Reason) -> None:
    await engine.add_key("k")
    error = await refused(engine.sign("k", version=version))
    assert (error.reason, error.field) == (reason, "version")
    assert engine.record().reason == reason.name


async def test_version_0_is_the_primary(engine: Engine) -> None:
    key = await engine.add_key("k", states=[State.ACTIVE] * 3, primary=2)
    for version, number in ((0, 2), (1, 1), (2, 2), (3, 3)):
        signed = await engine.sign("k", version=version)
        assert signed.key_version == f"keys/k/versions/{number}"
        check_signature(key, BYTES, signed.signature, number)
    assert [record.version for record in engine.records()] == [2, 1, 2, 3]


@pytest.mark.parametrize(
    "state", [one for one in State if one is not State.ACTIVE], ids=lambda one: one.value
)
async def test_only_active_versions_sign(engine: Engine, state: State) -> None:
    await engine.add_key("k", states=[State.ACTIVE, state], primary=1)
    await engine.add_key("p", states=[State.ACTIVE, state], primary=2)
    for call in (
        engine.sign("k", version=2),
        engine.sign("p"),
        engine.sign("k", version=2, validate_only=True),
    ):
        assert (await refused(call)).reason is Reason.VERSION_STATE
    assert (await engine.sign("k")).key_version == "keys/k/versions/1"


@pytest.mark.parametrize("purpose", [Purpose.BUNDLE, Purpose.LOG], ids=lambda purpose: purpose.value)
async def test_keys_of_the_daemon_sign_for_nobody(engine: Engine, purpose: Purpose) -> None:
    await engine.add_key("k", purpose=purpose)
    for version in (0, 1):
        assert (await refused(engine.sign("k", version=version))).reason is Reason.KEY_PURPOSE
    (result,) = await engine.batch([sign_request("k")])
    assert isinstance(result, Refused)
    assert {record.reason for record in engine.records()} == {"KEY_PURPOSE"}


async def test_validate_only_signs_nothing(engine: Engine) -> None:
    await engine.add_key("k", provider="far")
    engine.far.fault = AssertionError("asked to sign")
    signed = await engine.sign("k", validate_only=True)
    assert (signed.signature, signed.key_version) == (b"", "keys/k/versions/1")
    record = engine.record()
    assert (record.operation, record.outcome, record.signature_sha256) == ("validate", "ok", "")
    assert record.digest == f"sha256:{SHA256.hex()}"


async def test_validate_only_makes_every_check(engine: Engine) -> None:
    await engine.add_key("k")
    wrong = await refused(engine.sign("k", validate_only=True, **SHA512))
    damaged = await refused(engine.sign("k", validate_only=True, input_crc32c=1))
    assert (wrong.reason, damaged.reason) == (Reason.HASH_MISMATCH, Reason.CHECKSUM_MISMATCH)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"request_id": "x" * 65}, Reason.REQUEST_ID_INVALID),
        ({"request_id": "a b"}, Reason.REQUEST_ID_INVALID),
        ({"request_id": "é"}, Reason.REQUEST_ID_INVALID),
        ({"request_id": "a\n"}, Reason.REQUEST_ID_INVALID),
        ({"request_id": "a\x7f"}, Reason.REQUEST_ID_INVALID),
        ({"traceparent": "00-0-0-0"}, Reason.TRACEPARENT_INVALID),
        ({"traceparent": f"00-{'0' * 32}-{'1' * 16}-01"}, Reason.TRACEPARENT_INVALID),
    ],
)
async def test_ids_that_are_none(engine: Engine, more: Input, reason: Reason) -> None:
    await engine.add_key("k")
    assert (await refused(engine.sign("k", **more))).reason is reason
    assert engine.record().reason == reason.name


async def test_the_record_says_who_what_and_how(engine: Engine) -> None:
    key = await engine.add_key("team-a/release")
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    signed = await engine.sign("team-a/release", BOB, request_id="r-1", traceparent=trace)
    record = engine.record()
    assert (record.caller, record.proof, record.listener, record.peer) == (
        "spiffe://example.org/bob",
        "mtls",
        "tcp",
        "ipv4:192.0.2.1:4711",
    )
    assert (record.request_id, record.traceparent, record.operation) == ("r-1", trace, "sign")
    assert (record.outcome, record.reason) == ("ok", "")
    assert (record.key, record.version, record.algorithm) == ("team-a/release", 1, "ecdsa-p256-sha256")
    assert record.key_id == hashlib.sha256(key.version(0).public_key).hexdigest()
    assert record.signature_sha256 == hashlib.sha256(signed.signature).hexdigest()
    assert (record.revision, record.sequence) == (1, signed.audit.sequence)


async def test_a_request_without_id_gets_one(engine: Engine) -> None:
    await engine.add_key("k")
    for _ in range(2):
        await engine.sign("k")
    one, other = (record.request_id for record in engine.records())
    assert one
    assert one != other


@pytest.mark.parametrize("provider", ["far", "here"])
async def test_a_provider_that_breaks(
    engine: Engine, provider: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> bytes:
        raise ZeroDivisionError("password=hunter2")

    await engine.add_key("k", provider=provider)
    monkeypatch.setattr(engine.worker.providers[provider]._provider, "sign", broken)
    error = await refused(engine.sign("k", request_id="r"))
    assert error.reason is Reason.PROVIDER_UNAVAILABLE
    record = engine.record()
    assert (record.outcome, record.reason, record.request_id) == ("failed", "PROVIDER_UNAVAILABLE", "r")
    assert "hunter2" not in f"{error.message}{record!r}{caplog.text}"


async def test_a_defect_is_internal_and_tells_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.add_key("k", provider="far")
    monkeypatch.setattr(engine.worker.providers["far"], "sign", None)
    error = await refused(engine.sign("k"))
    assert (error.code.value[0], error.message) == (INTERNAL, Reason.INTERNAL.value.meaning)
    record = engine.record()
    assert (record.outcome, record.reason, record.detail) == ("failed", "INTERNAL", error.message)


async def test_a_signature_that_does_not_verify_is_not_released(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forged(*_: object) -> bytes:
        return bytes.fromhex("3006020101020101")

    await engine.add_key("k", provider="far")
    monkeypatch.setattr(engine.far, "sign", forged)
    assert (await refused(engine.sign("k"))).reason is Reason.PROVIDER_INTEGRITY
    assert (engine.record().outcome, engine.record().signature_sha256) == ("failed", "")


async def test_a_caller_that_goes_away_is_on_record(engine: Engine) -> None:
    await engine.add_key("k", provider="far")
    engine.far.gate.clear()
    request = asyncio.create_task(engine.sign("k", ANN, request_id="gone"))
    await until(lambda: engine.far.waiting == 1)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await until(lambda: len(engine.records()) == 1)
    record = engine.record()
    assert (record.outcome, record.reason, record.request_id) == ("failed", "CANCELLED", "gone")
    assert (record.caller, record.signature_sha256) == ("unix:ann", "")
    assert engine.under_way == 0


async def test_many_at_once_each_get_their_own(engine: Engine) -> None:
    key = await engine.add_key("k")
    messages = [b"message %d" % number for number in range(100)]
    signed = await asyncio.gather(*(engine.sign("k", message=one) for one in messages))
    by_sequence = {record.sequence: record for record in engine.records()}
    assert len(by_sequence) == 100
    for message, one in zip(messages, signed, strict=True):
        check_signature(key, message, one.signature)
        hashed = hashlib.sha256(one.signature).hexdigest()
        assert by_sequence[one.audit.sequence].signature_sha256 == hashed
