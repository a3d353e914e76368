"""No answer before its record is durable, one record for every request, and nothing secret in any."""

from __future__ import annotations

import asyncio
import base64
import errno
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from signerd.core.private_keys import from_pkcs8
from signerd.errors import Reason
from signerd.v1 import admin_pb2, audit_pb2, keys_pb2
from signerd.v1 import signer_pb2 as pb
from tests.unit.engine.parts import (
    ANN,
    BOB,
    PASSWORD,
    Engine,
    Refused,
    chunk,
    header,
    imported,
    refused,
    sign_request,
    until,
)

Call = Callable[[Engine], Coroutine[Any, Any, Any]]
CALLS: dict[str, Call] = {
    "sign": lambda engine: engine.sign("k", BOB, request_id="r"),
    "sign slow": lambda engine: engine.sign("far", BOB, request_id="r"),
    "validate": lambda engine: engine.sign("k", BOB, request_id="r", validate_only=True),
    "batch": lambda engine: engine.batch([sign_request("k", request_id="r")], BOB),
    "stream": lambda engine: engine.stream([header("k", 2, request_id="r"), chunk(b"ab")], BOB),
    "verify": lambda engine: engine.verify("k", b"0" * 70, BOB, request_id="r"),
    "public key": lambda engine: engine.call(
        "Signer/PublicKey", pb.PublicKeyRequest(key="k", request_id="r"), BOB
    ),
    "get": lambda engine: engine.call("Keys/GetKey", keys_pb2.GetKeyRequest(name="k", request_id="r"), BOB),
    "list": lambda engine: engine.call("Keys/ListKeys", keys_pb2.ListKeysRequest(request_id="r"), BOB),
    "create": lambda engine: engine.call(
        "Keys/CreateKey", keys_pb2.CreateKeyRequest(name="new", request_id="r"), BOB
    ),
    "records": lambda engine: engine.call(
        "Audit/ListRecords", audit_pb2.ListRecordsRequest(request_id="r"), BOB
    ),
    "record": lambda engine: engine.call(
        "Audit/GetRecord",
        audit_pb2.GetRecordRequest(position={"shard": "w0", "sequence": 9}, request_id="r"),
        BOB,
    ),
    "status": lambda engine: engine.call("Admin/GetStatus", admin_pb2.GetStatusRequest(request_id="r"), BOB),
    "refused": lambda engine: engine.sign("nobody", BOB, request_id="r"),
    "refused stream": lambda engine: engine.stream([header("nobody", 2, request_id="r")], BOB),
    "refused create": lambda engine: engine.call(
        "Keys/CreateKey", keys_pb2.CreateKeyRequest(name="k", request_id="r"), BOB
    ),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


async def outcome(call: Call, engine: Engine) -> Any:
    try:
        return await call(engine)
    except Refused as error:
        return error


async def prepare(engine: Engine) -> None:
    await engine.add_key("k")
    await engine.add_key("far", provider="far")


@every_call
async def test_no_answer_before_its_record_is_durable(engine: Engine, call: Call) -> None:
    await prepare(engine)
    engine.disk.gate.clear()
    request = asyncio.create_task(outcome(call, engine))
    await until(lambda: engine.disk.waiting)
    done, _ = await asyncio.wait([request], timeout=0.02)
    assert not done
    assert not engine.records()
    engine.disk.gate.set()
    await request
    assert engine.record().request_id == "r"


@every_call
async def test_no_answer_when_its_record_is_not_written(engine: Engine, call: Call) -> None:
    await prepare(engine)
    engine.disk.fault = errno.ENOSPC
    error = await refused(call(engine))
    assert error.reason is Reason.AUDIT_UNAVAILABLE
    assert "No space left" in error.message
    assert error.retry
    assert not engine.records()


async def test_a_batch_whose_records_are_not_written_is_refused_whole(engine: Engine) -> None:
    await prepare(engine)
    engine.disk.fault = errno.EIO
    error = await refused(engine.batch([sign_request(name) for name in ("k", "nobody", "far")]))
    assert error.reason is Reason.AUDIT_UNAVAILABLE


async def test_while_nothing_can_be_written_nothing_is_signed(engine: Engine) -> None:
    await prepare(engine)
    engine.disk.fault = errno.EROFS
    await refused(engine.sign("k"))
    engine.far.fault = AssertionError("asked to sign")
    for call in (engine.sign("far"), engine.batch([sign_request("far")]), engine.stream([header("far", 0)])):
        assert (await refused(call)).reason is Reason.AUDIT_UNAVAILABLE
    status = await engine.call("Admin/GetStatus", admin_pb2.GetStatusRequest())
    assert not status.serving
    assert "Read-only" in status.audit.detail


async def test_signing_comes_back_by_itself(engine: Engine) -> None:
    await prepare(engine)
    engine.disk.fault = errno.ENOSPC
    await refused(engine.sign("k"))
    engine.disk.fault = None
    await until(lambda: engine.log.healthy)
    assert (await engine.sign("k", request_id="after")).signature
    operations = [(record.operation, record.request_id) for record in engine.records()]
    assert operations[-1] == ("sign", "after")
    assert operations[0][0] == "audit-recovered"


@every_call
async def test_every_request_has_one_record(engine: Engine, call: Call) -> None:
    await prepare(engine)
    answer = await outcome(call, engine)
    record = engine.record()
    assert (record.caller, record.listener, record.request_id) == (BOB.subject, "tcp", "r")
    if isinstance(answer, Refused):
        assert (record.reason, record.outcome) == (answer.reason.name, "refused")
        assert record.detail == answer.message
    else:
        assert (record.reason, record.outcome) == ("", "ok")


@pytest.mark.parametrize("provider", ["far", "here"])
async def test_requests_given_up_have_one_record(engine: Engine, provider: str) -> None:
    await engine.add_key("k", provider=provider)
    engine.far.gate.clear()
    engine.disk.gate.clear()
    requests = [asyncio.create_task(engine.sign("k", request_id=f"{number}")) for number in range(8)]
    await until(lambda: engine.far.waiting == 8 or engine.disk.waiting)
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    engine.disk.gate.set()
    await until(lambda: len(engine.records()) == 8)
    assert sorted(record.request_id for record in engine.records()) == [f"{number}" for number in range(8)]


async def test_a_stream_given_up_has_one_record(engine: Engine) -> None:
    await engine.add_key("k")
    reading, never = asyncio.Event(), asyncio.Event()

    async def messages() -> Any:
        yield header("k", 9, request_id="r").SerializeToString()
        reading.set()
        await never.wait()

    handler = engine.handler("Signer/SignStream")
    request = asyncio.create_task(handler.stream_unary(messages(), engine.context(ANN)))
    await reading.wait()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    await until(lambda: engine.log.sequence == 1)
    assert (engine.record().reason, engine.record().request_id) == ("CANCELLED", "r")


async def test_what_cant_be_read_is_on_record(engine: Engine) -> None:
    for path in ("Signer/Sign", "Keys/CreateKey", "Audit/GetRecord", "Admin/GetStatus"):
        with pytest.raises(Refused) as caught:
            await engine.raw(path, b"\xff\xff", BOB)
        assert caught.value.reason is Reason.REQUEST_MALFORMED
    records = engine.records()
    assert [record.operation for record in records] == ["sign", "create-key", "get-record", "get-status"]
    assert {(record.reason, record.caller) for record in records} == {("REQUEST_MALFORMED", BOB.subject)}


MARKER = b"MARKER-8f14e45f"


def spellings(secret: bytes) -> list[bytes]:
    """How a secret might show up: as it is, as hex, as base64 at any offset."""
    cut = [base64.b64encode(secret[offset:])[4:-4] for offset in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *cut]


async def test_no_record_tells_a_secret(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    await prepare(engine)
    private_key = from_pkcs8(imported("ecd", 256, 7))[0]
    scalar = private_key.private_numbers().private_value.to_bytes(32, "big")  # type: ignore[union-attr]
    payload = b'{"password": "' + MARKER + b'"}'
    calls = [
        engine.sign("k", message=payload),
        engine.sign("k", message=b"DSSEv1 " + payload),
        engine.sign("k", dsse={"payload_type": "a", "payload": payload}),
        engine.sign("k", digest={"hash": 1, "value": payload}),
        engine.sign("k", ml_dsa_mu=payload),
        engine.sign("k", message=payload, input_crc32c=1),
        engine.stream([header("k", len(payload)), chunk(payload)]),
        engine.stream([header("k", 1), chunk(payload)]),
        engine.verify("k", payload, message=payload),
        engine.batch([sign_request("k", message=payload), sign_request("far", message=payload)]),
        engine.raw("Signer/Sign", b"\xff" + payload),
        *(
            engine.call(
                "Keys/ImportKey",
                keys_pb2.ImportKeyRequest(name=name, private_key=given, password=MARKER, provider="files"),
            )
            for name, given in (("new", pem(imported("ecd", 256, 7))), ("k", payload), ("bad", payload))
        ),
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    told = engine.written() + caplog.text.encode() + repr(answers).encode()
    assert len(engine.records()) == len(calls) + 1
    for secret in (MARKER, payload, PASSWORD, scalar):
        for spelling in spellings(secret):
            assert spelling not in told


def pem(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN PRIVATE KEY-----\n" + body + b"-----END PRIVATE KEY-----\n"
