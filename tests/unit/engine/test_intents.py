"""Providers outside the process: an intent is durable before they are asked, and what a crash cut off is found."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from signerd.audit.log import open_log
from signerd.audit.records import Record
from signerd.engine import intents
from signerd.engine.intents import unfinished, unfinished_record
from signerd.errors import Reason
from tests.unit.engine.parts import ANN, Engine, chunk, header, refused, sign_request, until


def told(engine: Engine) -> list[tuple[str, str, int, int]]:
    return [(one.operation, one.outcome, one.sequence, one.intent) for one in engine.records(begun=True)]


async def far(engine: Engine) -> None:
    await engine.add_key("far", provider="far")
    engine.far.most_waiting = 0  # a new key has signed a canary


async def test_an_intent_precedes_the_call_and_its_result_names_it(engine: Engine) -> None:
    await far(engine)
    engine.far.gate.clear()
    request = asyncio.create_task(engine.sign("far", request_id="r", traceparent=TRACE))
    await until(lambda: engine.far.waiting == 1)
    (intent,) = engine.records(begun=True)
    assert (intent.operation, intent.outcome, intent.sequence) == ("sign-intent", "ok", 1)
    engine.far.gate.set()
    await request
    _, result = engine.records(begun=True)
    assert (result.operation, result.intent, bool(result.signature_sha256)) == ("sign", 1, True)
    for field in ("caller", "key", "version", "digest", "request_id", "traceparent", "key_id", "provider"):
        assert getattr(result, field) == getattr(intent, field) != ""
    assert not intent.signature_sha256


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_nothing_is_asked_before_the_intent_is_durable(engine: Engine) -> None:
    await far(engine)
    engine.disk.gate.clear()
    request = asyncio.create_task(engine.batch([sign_request("far")] * 3))
    await until(lambda: engine.disk.waiting)
    assert (engine.far.waiting, engine.far.most_waiting) == (0, 0)
    engine.disk.gate.set()
    await request
    assert engine.far.most_waiting


async def test_nothing_is_asked_when_the_intent_is_not_written(engine: Engine) -> None:
    await far(engine)
    engine.far.fault = AssertionError("asked to sign")
    engine.disk.fault = errno.ENOSPC
    for call in (
        engine.sign("far"),
        engine.batch([sign_request("far")]),
        engine.stream([header("far", 2), chunk(b"ab")]),
    ):
        assert (await refused(call)).reason is Reason.AUDIT_UNAVAILABLE
    assert engine.far.most_waiting == 0


async def test_a_batch_has_its_intents_in_one_group_and_each_result_names_its_own(engine: Engine) -> None:
    await far(engine)
    await engine.add_key("here")
    groups = engine.disk.writes
    await engine.batch([sign_request(name) for name in ("far", "here", "far", "nobody", "far")])
    assert engine.disk.writes - groups == 2
    assert told(engine)[:3] == [("sign-intent", "ok", number, 0) for number in (1, 2, 3)]
    assert [one[3] for one in told(engine)[3:]] == [1, 0, 2, 0, 3]


async def test_keys_in_this_process_and_trials_have_no_intents(engine: Engine) -> None:
    await far(engine)
    await engine.add_key("here")
    await engine.add_key("slow", "rsa-pkcs1-4096-sha256")
    for request in (sign_request("here"), sign_request("slow"), sign_request("far", validate_only=True)):
        await engine.batch([request])
    await engine.stream([header("here", 2), chunk(b"ab")])
    await engine.stream([header("far", 2, validate_only=True), chunk(b"ab")])
    assert all(one[0] != "sign-intent" and one[3] == 0 for one in told(engine))


async def test_a_stream_has_an_intent(engine: Engine) -> None:
    await far(engine)
    await engine.stream([header("far", 2, request_id="r"), chunk(b"ab")])
    intent, result = engine.records(begun=True)
    assert (intent.operation, result.operation, result.intent) == ("sign-intent", "sign-stream", 1)
    assert intent.digest == result.digest != ""


async def test_a_provider_that_fails_has_a_result(engine: Engine) -> None:
    await far(engine)
    engine.far.fault = RuntimeError("broken")
    await refused(engine.sign("far"))
    assert told(engine) == [("sign-intent", "ok", 1, 0), ("sign", "failed", 2, 1)]


@pytest.mark.parametrize("durable", [True, False])
async def test_a_caller_that_goes_away_has_a_result(engine: Engine, durable: bool) -> None:
    await far(engine)
    engine.far.gate.clear()
    if not durable:
        engine.disk.gate.clear()
    request = asyncio.create_task(engine.sign("far"))
    await until(lambda: engine.far.waiting == 1 if durable else engine.disk.waiting)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    engine.disk.gate.set()
    await until(lambda: len(engine.records()) == 1)
    assert told(engine) == [("sign-intent", "ok", 1, 0), ("sign", "failed", 2, 1)]


async def written(directory: Path, *records: Record) -> int:
    log = await open_log(directory, "w0", instance="i")
    for record in records:
        await log.append(record).durable
    await log.close()
    return log.sequence


def begin() -> Record:
    return Record(operation="start", outcome="ok")


def intent() -> Record:
    return Record(operation="sign-intent", outcome="ok", detail='"operation":"start"')


def result(of: int) -> Record:
    return Record(operation="sign", outcome="ok", intent=of)


async def test_intents_without_a_result_are_found(tmp_path: Path) -> None:
    # Sequences: 1 start, 2-4 intents, 5 result of 3, 6 another record.
    size = await written(
        tmp_path, begin(), intent(), intent(), intent(), result(3), Record(operation="verify", outcome="ok")
    )
    assert unfinished(tmp_path / "w0", size) == [2, 4]


@pytest.mark.parametrize("end", ["start", "stop"])
async def test_what_lies_before_a_start_or_stop_was_told_then(tmp_path: Path, end: str) -> None:
    size = await written(tmp_path, intent(), Record(operation=end, outcome="ok"), intent(), result(3))
    assert unfinished(tmp_path / "w0", size) == []
    assert unfinished(tmp_path / "w0", 1) == [1]


async def test_looking_back_takes_steps_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intents, "FIRST_LOOK", 1)
    others = [Record(operation="verify", outcome="ok") for _ in range(20)]
    size = await written(tmp_path, begin(), intent(), intent(), *others, result(2))
    assert unfinished(tmp_path / "w0", size) == [3]
    monkeypatch.setattr(intents, "MOST", 10)
    assert unfinished(tmp_path / "w0", size) == []
    assert unfinished(tmp_path / "w0", 0) == []


def test_the_record_counts_all_and_names_the_first() -> None:
    record = unfinished_record(list(range(1, 101)), 7)
    assert (record.operation, record.outcome, record.count, record.revision) == (
        "sign-unfinished",
        "failed",
        100,
        7,
    )
    assert "19, 20, …;" in record.detail
    assert record.caller == "signerd"
    assert ANN.subject not in record.detail
