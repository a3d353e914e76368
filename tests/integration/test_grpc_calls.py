"""Calls over a real gRPC connection: what is wrong with them is told in signerd's own words, and is on record."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from signerd.errors import Reason
from signerd.v1 import admin_pb2, keys_pb2
from signerd.v1 import signer_pb2 as pb
from tests.support.daemons import PROVIDERS, Daemon, raw_call, serving, short_home, stream_call, until
from tests.support.refusals import from_call, refused

SIGN = "/signerd.v1.Signer/Sign"
LIMITS = "limits: {request: 8KiB, payload: 4KiB, concurrent: 2, streams: 50}\n"


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    with short_home() as home:
        async with serving(home, PROVIDERS + LIMITS) as daemon:
            await daemon.add_key("k")
            yield daemon


class Gate:
    """Holds up signing in a daemon until it is opened."""

    def __init__(self, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
        provider = daemon.worker.providers["keys"]
        sign, self.entered, self.opened = provider.sign, asyncio.Semaphore(0), asyncio.Event()

        async def slow(*args: Any) -> bytes:
            self.entered.release()
            await self.opened.wait()
            return await sign(*args)

        monkeypatch.setattr(provider, "sign", slow)


@pytest.fixture
def gate(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(daemon, monkeypatch)


def request(data: bytes = b"x", key: str = "k") -> pb.SignRequest:
    return pb.SignRequest(key=key, message=data)


async def still_signs(daemon: Daemon) -> bool:
    return bool((await daemon.call("Signer/Sign", request())).signature)


@pytest.mark.parametrize(
    "path",
    [
        "Signer/Sign",
        "Signer/BatchSign",
        "Signer/Verify",
        "Keys/ImportKey",
        "Audit/ListRecords",
        "Admin/GetStatus",
    ],
)
async def test_what_is_no_protobuf(daemon: Daemon, path: str) -> None:
    error = await refused(daemon.raw(f"/signerd.v1.{path}", b"\xff\xff\xff"))
    assert (error.reason, error.code) == (Reason.REQUEST_MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)
    assert error.metadata["remedy"]
    assert daemon.records()[-1].reason == "REQUEST_MALFORMED"
    assert await still_signs(daemon)


async def test_an_empty_request(daemon: Daemon) -> None:
    error = await refused(daemon.raw(SIGN, b""))
    assert (error.reason, error.field) == (Reason.KEY_NAME_INVALID, "key")


@pytest.mark.parametrize("size", [8 * 1024 + 1, 31 * 1024])
async def test_a_request_over_the_limit_is_told_so(daemon: Daemon, size: int) -> None:
    error = await refused(daemon.raw(SIGN, bytes(size)))
    assert (error.reason, error.code) == (Reason.REQUEST_TOO_LARGE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert "8192" in error.message
    assert daemon.records()[-1].reason == "REQUEST_TOO_LARGE"
    assert await still_signs(daemon)


async def test_a_request_far_over_the_limit_stops_at_the_transport(daemon: Daemon) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw_call(daemon.channel, SIGN, bytes(100_000))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await still_signs(daemon)


async def test_a_request_up_to_the_limit(daemon: Daemon) -> None:
    whole = request(bytes(8 * 1024 - 8))
    assert len(whole.SerializeToString()) <= 8 * 1024
    assert (await daemon.call("Signer/Sign", whole)).signature


@pytest.mark.parametrize(
    "path", ["/signerd.v1.Signer/Steal", "/signerd.v2.Signer/Sign", "/x", "/grpc.health.v1.Health/Cure"]
)
async def test_methods_that_nobody_knows(daemon: Daemon, path: str) -> None:
    error = await refused(daemon.raw(path, b""))
    assert (error.reason, error.code) == (Reason.METHOD_UNKNOWN, grpc.StatusCode.UNIMPLEMENTED)
    record = daemon.records()[-1]
    assert (record.reason, record.caller, record.outcome) == ("METHOD_UNKNOWN", "unix:local", "refused")
    assert await still_signs(daemon)


async def test_what_is_wrong_with_a_field(daemon: Daemon) -> None:
    error = await refused(daemon.call("Signer/Sign", pb.SignRequest(key="k", digest={"hash": 1})))
    assert (error.reason, error.field) == (Reason.DIGEST_LENGTH, "digest.value")


async def test_when_to_try_again(daemon: Daemon) -> None:
    error = await refused(daemon.call("Signer/Sign", pb.SignRequest(key="k", message=b"", min_revision=9)))
    assert (error.reason, error.code) == (Reason.STATE_STALE, grpc.StatusCode.UNAVAILABLE)
    assert error.retry == 1.0


async def test_long_texts_in_an_error_fit_into_its_trailers(daemon: Daemon) -> None:
    for name in ("x" * 5000, "ü" * 2500, "\U0001f600" * 1250, "\n" * 5000, "%" * 5000):
        error = await refused(daemon.call("Signer/Sign", request(key=name)))
        assert error.reason is Reason.KEY_NAME_INVALID
        labels = {"a b" + name[:100]: name}
        create = daemon.call("Keys/CreateKey", keys_pb2.CreateKeyRequest(name="new", labels=labels))
        assert (await refused(create)).reason is Reason.LABELS_INVALID


async def test_more_requests_than_are_taken(daemon: Daemon, gate: Gate) -> None:
    slow = [asyncio.create_task(daemon.call("Signer/Sign", request())) for _ in range(2)]
    for _ in slow:
        await gate.entered.acquire()
    error = await refused(daemon.call("Signer/Sign", request()))
    assert (error.reason, error.code) == (Reason.OVERLOADED, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert error.retry
    assert daemon.records()[-1].reason == "OVERLOADED"
    gate.opened.set()
    assert all(answer.signature for answer in await asyncio.gather(*slow))
    assert await still_signs(daemon)


async def test_a_stream_too_many(daemon: Daemon, gate: Gate) -> None:
    slow = [asyncio.create_task(daemon.call("Signer/Sign", request())) for _ in range(2)]
    for _ in slow:
        await gate.entered.acquire()
    stream = stream_call(daemon.channel, "/signerd.v1.Signer/SignStream", [b""])
    assert (await refused(stream)).reason is Reason.OVERLOADED
    gate.opened.set()
    await asyncio.gather(*slow)


async def test_a_deadline_that_passes_harms_nobody(daemon: Daemon, gate: Gate) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw_call(daemon.channel, SIGN, request().SerializeToString(), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: daemon.records()[-1].reason == "CANCELLED")
    gate.opened.set()
    assert await still_signs(daemon)


async def test_a_call_given_up_is_on_record(daemon: Daemon, gate: Gate) -> None:
    method: Any = daemon.channel.unary_unary(SIGN)
    call = method(pb.SignRequest(key="k", message=b"x", request_id="gone").SerializeToString())
    await gate.entered.acquire()
    call.cancel()
    await until(lambda: daemon.records()[-1].request_id == "gone")
    assert daemon.records()[-1].reason == "CANCELLED"


async def test_a_stream_over_the_wire(daemon: Daemon) -> None:
    header = pb.SignStreamHeader(key="k", length=50_000, request_id="r")
    parts = [pb.SignStreamRequest(header=header)] + [pb.SignStreamRequest(chunk=bytes(5000))] * 10
    messages = [part.SerializeToString() for part in parts]
    answer = await stream_call(daemon.channel, "/signerd.v1.Signer/SignStream", messages)
    signature = pb.SignStreamResponse.FromString(answer).response.signature
    digest = {"hash": 1, "value": hashlib.sha256(bytes(50_000)).digest()}
    verified = await daemon.call(
        "Signer/Verify", pb.VerifyRequest(key="k", digest=digest, signature=signature)
    )
    assert verified.key_version == "keys/k/versions/1"


async def test_a_defect_shows_no_traceback(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon.worker.providers["keys"], "sign", None)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw_call(daemon.channel, SIGN, request().SerializeToString())
    assert from_call(caught.value).reason is Reason.INTERNAL
    assert "Traceback" not in repr(caught.value)
    assert "NoneType" not in repr(caught.value)
    assert daemon.records()[-1].reason == "INTERNAL"


async def test_each_listener_gives_its_own_name() -> None:
    with short_home() as home:
        names = ("ann", "bob")
        listeners = ", ".join(f"{{name: {name}, unix: {home}/run/{name}.sock}}" for name in names)
        async with serving(home, f"{PROVIDERS}listeners: [{listeners}]\n") as daemon:
            for name in names:
                async with grpc.aio.insecure_channel(f"unix:{home}/run/{name}.sock") as channel:
                    daemon.channel = channel
                    status = await daemon.call("Admin/GetStatus", admin_pb2.GetStatusRequest())
                    assert status.caller == f"unix:{name}"
            found = [(record.caller, record.listener) for record in daemon.records()]
            assert found == [("unix:ann", "ann"), ("unix:bob", "bob")]
