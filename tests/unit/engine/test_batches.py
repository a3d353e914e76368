"""BatchSign: each item stands for itself, those that wait do so side by side, and the order stays."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import pytest

from signerd.core.inputs import SigningInput
from signerd.core.keys import Purpose
from signerd.errors import Reason
from signerd.v1 import signer_pb2 as pb
from tests.unit.engine.parts import ANN, Engine, Refused, check_signature, refused, sign_request, until

BAD: dict[Reason, dict[str, Any]] = {
    Reason.KEY_NOT_FOUND: {"key": "nobody"},
    Reason.KEY_NAME_INVALID: {"key": "../k"},
    Reason.KEY_PURPOSE: {"key": "bundle"},
    Reason.VERSION_NOT_FOUND: {"version": 9},
    Reason.VERSION_INVALID: {"version": -1},
    Reason.INPUT_MISSING: {"message": None},
    Reason.DIGEST_LENGTH: {"digest": {"hash": 1, "value": b"x"}},
    Reason.HASH_UNKNOWN: {"digest": {"hash": 9, "value": b"x"}},
    Reason.HASH_MISMATCH: {"digest": {"hash": 3, "value": bytes(64)}},
    Reason.MU_NOT_ACCEPTED: {"ml_dsa_mu": b"x"},
    Reason.ENVELOPE_INVALID: {"message": b"DSSEv1 x"},
    Reason.PAYLOAD_TYPE_INVALID: {"dsse": {"payload": b"{}"}},
    Reason.CHECKSUM_MISMATCH: {"input_crc32c": 1},
    Reason.REQUEST_ID_INVALID: {"request_id": "a b"},
    Reason.TRACEPARENT_INVALID: {"traceparent": "x"},
    Reason.STATE_STALE: {"min_revision": 99},
    Reason.PROVIDER_UNAVAILABLE: {"key": "far"},
}


def signatures(results: list[pb.SignResponse | Refused]) -> list[bytes]:
    assert all(isinstance(one, pb.SignResponse) for one in results), results
    return [one.signature for one in results if isinstance(one, pb.SignResponse)]


def numbered(key: str, count: int) -> list[pb.SignRequest]:
    return [sign_request(key, message=b"message %d" % number) for number in range(count)]


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("reason", BAD, ids=lambda reason: reason.name)
async def test_a_bad_item_spoils_no_other(engine: Engine, reason: Reason, warm: bool) -> None:
    key = await engine.add_key("k")
    await engine.add_key("bundle", purpose=Purpose.BUNDLE)
    await engine.add_key("far", provider="far")
    engine.far.fault = ZeroDivisionError("secret")
    if warm:
        await engine.sign("k")
    bad = sign_request(**{"key": "k", **BAD[reason]})
    results = await engine.batch([sign_request("k"), bad, sign_request("k", message=b"other")])
    assert isinstance(results[1], Refused)
    assert results[1].reason is reason
    for data, signature in zip((b"some bytes", b"other"), signatures(results[::2]), strict=True):
        check_signature(key, data, signature)
    records = engine.records()[-3:]
    assert [record.reason for record in records] == ["", reason.name, ""]
    assert records[1].signature_sha256 == ""


async def test_all_bad_items_in_one_batch(engine: Engine) -> None:
    await engine.add_key("k")
    await engine.add_key("bundle", purpose=Purpose.BUNDLE)
    await engine.add_key("far", provider="far")
    engine.far.fault = ZeroDivisionError("secret")
    results = await engine.batch([sign_request(**{"key": "k", **bad}) for bad in BAD.values()])
    assert [one.reason for one in results if isinstance(one, Refused)] == list(BAD)
    assert [record.reason for record in engine.records()] == [reason.name for reason in BAD]


@pytest.mark.parametrize("size", [0, 1001])
async def test_sizes_that_are_not_taken(engine: Engine, size: int) -> None:
    key = await engine.add_key("k", provider="far")
    engine.far.fault = AssertionError("asked to sign")
    error = await refused(engine.batch(numbered(key.name, size), request_id="batch-1"))
    assert (error.reason, error.field) == (Reason.BATCH_SIZE_INVALID, "items")
    record = engine.record()
    assert (record.reason, record.outcome, record.request_id) == ("BATCH_SIZE_INVALID", "refused", "batch-1")


@pytest.mark.parametrize("size", [1, 1000])
async def test_sizes_that_are(engine: Engine, size: int) -> None:
    key = await engine.add_key("k")
    made = signatures(await engine.batch(numbered("k", size)))
    for number, signature in enumerate(made):
        check_signature(key, b"message %d" % number, signature)
    hashes = [hashlib.sha256(signature).hexdigest() for signature in made]
    assert [record.signature_sha256 for record in engine.records()] == hashes


async def test_each_item_knows_its_record(engine: Engine) -> None:
    await engine.add_key("k")
    results = await engine.batch(numbered("k", 5))
    by_sequence = {record.sequence: record.signature_sha256 for record in engine.records()}
    for one in results:
        assert isinstance(one, pb.SignResponse)
        assert by_sequence[one.audit.sequence] == hashlib.sha256(one.signature).hexdigest()


async def test_slow_items_run_side_by_side_and_keep_their_places(engine: Engine) -> None:
    keys = {
        "here": await engine.add_key("here"),
        "far": await engine.add_key("far", provider="far"),
        "rsa": await engine.add_key("rsa", "rsa-pss-2048-sha256", provider="far"),
        "pq": await engine.add_key("pq", "ml-dsa-44"),
    }
    engine.far.gate.clear()
    names = ["far", "here", "rsa", "pq", "far", "here", "rsa"]
    batch = asyncio.create_task(engine.batch([sign_request(name, message=name.encode()) for name in names]))
    await until(lambda: engine.far.waiting == 4)
    assert not engine.records()
    engine.far.gate.set()
    results = await batch
    assert engine.far.most_waiting == 4
    for name, signature in zip(names, signatures(results), strict=True):
        check_signature(keys[name], name.encode(), signature)
    assert [record.key for record in engine.records()] == names


async def test_a_batch_of_another_caller_does_not_wait_for_a_slow_one(engine: Engine) -> None:
    await engine.add_key("here")
    await engine.add_key("far", provider="far")
    engine.far.gate.clear()
    slow = asyncio.create_task(engine.batch([sign_request("far"), sign_request("here")]))
    await until(lambda: engine.far.waiting == 1)
    assert signatures(await engine.batch([sign_request("here")]))
    engine.far.gate.set()
    assert len(signatures(await slow)) == 2


async def test_a_long_batch_lets_others_have_their_turn(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.add_key("k")
    await engine.sign("k")
    provider = engine.worker.providers["here"]
    turns, seen = 0, set()

    def observed(given: SigningInput) -> bytes:
        seen.add(turns)
        time.sleep(0.00005)
        return b"signature"

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(provider, "signer", lambda version: observed)
    other = asyncio.create_task(others())
    await engine.batch(numbered("k", 1000))
    other.cancel()
    assert len(seen) > 4


async def test_items_take_ids_of_the_batch(engine: Engine) -> None:
    await engine.add_key("k")
    trace, own = f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'c' * 32}-{'d' * 16}-00"
    items = [sign_request("k"), sign_request("k", request_id="mine", traceparent=own), sign_request("nobody")]
    results = await engine.batch(items, request_id="b" * 64, traceparent=trace)
    records = engine.records()
    assert [record.traceparent for record in records] == [trace, own, trace]
    first, second, third = (record.request_id for record in records)
    assert second == "mine"
    assert len({first, second, third}) == 3
    assert first.startswith("b" * 60)
    assert len(third) <= 64
    assert isinstance(results[2], Refused)
    assert results[2].metadata["request_id"] == third


@pytest.mark.parametrize("fields", [{"request_id": "a b"}, {"traceparent": "x"}])
async def test_a_batch_with_bad_ids_is_refused_whole(engine: Engine, fields: dict[str, Any]) -> None:
    await engine.add_key("k")
    error = await refused(engine.batch([sign_request("k")], ANN, **fields))
    assert error.reason in (Reason.REQUEST_ID_INVALID, Reason.TRACEPARENT_INVALID)
    assert engine.record().outcome == "refused"


async def test_a_batch_given_up_in_the_middle_is_on_record_item_by_item(engine: Engine) -> None:
    await engine.add_key("here")
    await engine.add_key("far", provider="far")
    await engine.sign("here")
    engine.far.gate.clear()
    items = [sign_request(name, request_id=f"{index}") for index, name in enumerate(["here", "far"] * 3)]
    batch = asyncio.create_task(engine.batch(items))
    await until(lambda: engine.far.waiting == 3)
    batch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await batch
    await until(lambda: engine.log.sequence >= 7)
    records = engine.records()[1:]
    assert sorted(record.request_id for record in records) == ["0", "1", "2", "3", "4", "5"]
    assert {record.reason for record in records if record.key == "far"} == {"CANCELLED"}
    assert engine.far.waiting == 0
