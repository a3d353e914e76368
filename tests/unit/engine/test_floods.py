"""Who floods the audit log is counted, slowed down and turned away; no signature goes unrecorded."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from signerd.audit.groups import Group
from signerd.audit.log import Listener
from signerd.authz.identity import DAEMON, UNKNOWN, Caller, Unproven
from signerd.engine.budgets import Budgets, Rate
from signerd.engine.refusals import PATIENCE, Refusals
from signerd.errors import Reason, SignerdError
from signerd.rpc import calls
from signerd.v1 import admin_pb2, keys_pb2
from tests.unit.engine.parts import ANN, BOB, Engine, Refused, refused, sign_request

LIMIT = 3


@pytest.fixture
async def flooded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that puts three refusals of a minute on record, and lets nobody linger long."""
    monkeypatch.setattr(calls, "LINGER_REFUSED", 0.001)
    await engine.add_key("k")
    engine.worker.gate.recorder.refusals = Refusals(LIMIT)
    return engine


def operations(engine: Engine) -> list[tuple[str, str]]:
    return [(record.operation, record.outcome) for record in engine.records()]


async def test_refusals_beyond_the_limit_are_answered_and_counted(flooded: Engine) -> None:
    for _ in range(10):
        assert (await refused(flooded.sign("nobody"))).reason is Reason.KEY_NOT_FOUND
    assert operations(flooded) == [("sign", "refused")] * LIMIT
    await flooded.worker.gate.recorder.tell_counts(all_of_them=True)
    *_, counted = flooded.records()
    assert (counted.operation, counted.caller, counted.count) == ("refusals-counted", ANN.subject, 7)
    assert counted.detail.endswith(": KEY_NOT_FOUND 7")


async def test_signatures_of_who_floods_are_all_on_record(flooded: Engine) -> None:
    items = [sign_request(name) for name in ("k", "nobody") * 20]
    answers = await flooded.batch(items)
    assert [isinstance(answer, Refused) for answer in answers] == [False, True] * 20
    signed = [record for record in flooded.records() if record.outcome == "ok"]
    positions = [answer.audit.sequence for answer in answers if not isinstance(answer, Refused)]
    assert [record.sequence for record in signed] == positions
    assert all(record.signature_sha256 for record in signed)
    assert len(flooded.records()) == 20 + LIMIT


async def test_others_keep_their_records(flooded: Engine) -> None:
    for _ in range(10):
        await refused(flooded.sign("nobody", ANN))
    await refused(flooded.sign("nobody", BOB))
    assert flooded.records()[-1].caller == BOB.subject


async def test_failures_are_counted_too_but_not_those_that_asked_a_provider(flooded: Engine) -> None:
    await flooded.add_key("far", provider="far")
    flooded.far.fault = RuntimeError("broken")
    for _ in range(10):
        await refused(flooded.sign("k", min_revision=1 << 40))
    for _ in range(5):
        await refused(flooded.sign("far"))
    reasons = [record.reason for record in flooded.records()]
    assert reasons.count("STATE_STALE") == LIMIT
    assert len(reasons) - LIMIT == 5


async def test_a_refusal_that_is_only_counted_takes_a_while_and_no_place(
    flooded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "LINGER_REFUSED", 0.2)
    for _ in range(LIMIT):
        await refused(flooded.sign("k", digest={"hash": 1, "value": b"short"}))
    begun = perf_counter()
    late = [
        asyncio.create_task(flooded.sign("k", digest={"hash": 1, "value": b"short"})),
        asyncio.create_task(flooded.batch([sign_request("nobody")])),
    ]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in late)
    assert (flooded.under_way, flooded.worker.gate.lingering) == (0, 2)
    await asyncio.gather(*late, return_exceptions=True)
    assert perf_counter() - begun >= 0.1
    assert flooded.worker.gate.lingering == 0


async def test_only_so_many_linger(flooded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_LINGERING", 0)
    monkeypatch.setattr(calls, "LINGER_REFUSED", 3600.0)
    for _ in range(LIMIT + 1):
        await refused(flooded.sign("nobody"))


async def test_batches_of_nothing_but_refusals_are_turned_away(flooded: Engine) -> None:
    await flooded.batch([sign_request("k", digest={"hash": 1, "value": b"x"})] * (LIMIT * PATIENCE + 1))
    error = await refused(flooded.batch([sign_request("k")]))
    assert (error.reason, error.retry) == (Reason.RATE_LIMITED, error.retry)
    assert error.retry
    assert (await flooded.sign("k")).signature
    assert not isinstance((await flooded.batch([sign_request("k")], BOB))[0], Refused)


async def test_who_is_over_its_budget_is_refused_and_told_when_to_come_back(flooded: Engine) -> None:
    flooded.worker.gate.recorder.budgets = Budgets(Rate(0.001, 2.0))
    assert (await flooded.sign("k")).signature
    assert (await refused(flooded.batch([sign_request("k")] * 2))).reason is Reason.RATE_LIMITED
    assert (await flooded.sign("k")).signature
    for call in (flooded.sign("k"), flooded.call("Keys/GetKey", keys_pb2.GetKeyRequest(name="k"))):
        error = await refused(call)
        assert (error.reason, bool(error.retry)) == (Reason.RATE_LIMITED, True)
    assert (await flooded.sign("k", BOB)).signature


async def test_while_space_is_short_only_administration_goes_on(
    flooded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flooded.log, "scarce", "too little is free")
    for call in (flooded.sign("k"), flooded.batch([sign_request("k")]), flooded.sign("nobody")):
        error = await refused(call)
        assert (error.reason, error.message) == (Reason.AUDIT_UNAVAILABLE, "too little is free")
    await flooded.call("Keys/CreateKey", keys_pb2.CreateKeyRequest(name="new"))
    await flooded.call("Admin/GetStatus", admin_pb2.GetStatusRequest())
    assert operations(flooded) == [("create-key", "ok"), ("get-status", "ok")]


async def test_while_space_is_short_administration_is_rationed(
    flooded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flooded.log, "scarce", "too little is free")
    flooded.worker.gate.recorder._scarce = Budgets(Rate(0.001, 2.0))
    for _ in range(2):
        await flooded.call("Admin/GetStatus", admin_pb2.GetStatusRequest())
    for _ in range(5):
        with pytest.raises(Refused):
            await flooded.call("Admin/GetStatus", admin_pb2.GetStatusRequest())
    assert operations(flooded) == [("get-status", "ok")] * 2


async def test_what_was_asked_of_a_provider_has_its_end_on_record_though_space_is_short(
    flooded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flooded.add_key("far", provider="far")
    flooded.far.gate.clear()
    request = asyncio.create_task(flooded.sign("far"))
    while not flooded.far.waiting:  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.001)
    monkeypatch.setattr(flooded.log, "scarce", "too little is free")
    flooded.far.gate.set()
    assert (await request).signature
    assert operations(flooded) == [("sign", "ok")]


async def test_refused_log_ins_are_told_apart_by_peer(flooded: Engine) -> None:
    gate = flooded.worker.gate

    async def turn_away(address: str) -> SignerdError:
        caller = Caller(UNKNOWN.subject, UNKNOWN.proof, "tcp", f"ipv4:{address}:4711")
        problem = Unproven(SignerdError(Reason.CALLER_UNAUTHENTICATED), caller)
        return await gate.refuse(UNKNOWN, "sign", problem)

    for _ in range(30):
        assert (await turn_away("192.0.2.1")).reason is Reason.CALLER_UNAUTHENTICATED
    await turn_away("192.0.2.2")
    await gate.recorder.tell_counts(all_of_them=True)
    records = flooded.records()
    assert [record.peer for record in records[:11]] == ["ipv4:192.0.2.1:4711"] * 10 + ["ipv4:192.0.2.2:4711"]
    assert {(record.listener, record.decision, record.proof) for record in records[:11]} == {
        ("tcp", "deny", "none")
    }
    (counted,) = records[11:]
    assert (counted.peer, counted.count, counted.caller) == ("ipv4:192.0.2.1", 20, "unknown")


async def test_counts_that_can_not_be_written_are_told_later(
    flooded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(10):
        await refused(flooded.sign("nobody"))
    with monkeypatch.context() as broken:
        broken.setattr(flooded.log, "writable", False)
        await flooded.worker.gate.recorder.tell_counts(all_of_them=True)
    await flooded.worker.gate.recorder.tell_counts()
    assert flooded.records()[-1].count == 7


async def test_counts_that_a_sink_holds_back_are_told_once(
    flooded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hold(group: Group) -> None:
        group.fail(lambda: SignerdError(Reason.AUDIT_UNAVAILABLE, "sink siem is down"))

    for _ in range(10):
        await refused(flooded.sign("nobody"))
    monkeypatch.setattr(flooded.log, "_listener", Listener(release=hold))
    for _ in range(3):
        await flooded.worker.gate.recorder.tell_counts(all_of_them=True)
    assert [one.count for one in flooded.records() if one.count] == [7]


async def test_the_daemon_itself_has_no_budget(flooded: Engine) -> None:
    flooded.worker.gate.recorder.budgets = Budgets(Rate(0.001, 1.0))
    for _ in range(5):
        flooded.worker.gate.recorder.admit(DAEMON, "check-keys")
