"""Checking keys: what changed behind signerd's back is found, told and on record; what did not is left in peace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from signerd.core.keys import Purpose, State
from signerd.engine import checking
from signerd.engine.checking import Checker, Finding
from signerd.engine.requests import ReadCall
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material, Order
from signerd.providers.memory import MemoryProvider
from tests.unit.engine.checks import checker, disable, uri_of
from tests.unit.engine.parts import ANN, Engine, until

__all__ = ["checker"]


def failing(reason: Reason) -> Callable[..., Any]:
    async def fail(*_: object) -> Any:
        raise SignerdError(reason, f"what the vendor said of {reason.name}")

    return fail


async def only(checker: Checker, *names: str) -> Finding:
    (finding,) = await checker.check(ANN, names)
    return finding


async def test_keys_as_they_should_be(engine: Engine, checker: Checker) -> None:
    await engine.add_key("b", states=(State.VERIFY_ONLY, State.ACTIVE), primary=2, provider="far")
    await engine.add_key("a", "rsa-pss-2048-sha256", provider="here")
    await engine.add_key("c", purpose=Purpose.LOG, provider="files")
    findings = await checker.check(ANN, [])
    assert [(one.key, one.version, one.provider, one.ok) for one in findings] == [
        ("a", 1, "here", True),
        ("b", 1, "far", True),
        ("b", 2, "far", True),
        ("c", 1, "files", True),
    ]
    assert all((one.reason, one.message) == ("", "") and one.milliseconds >= 0 for one in findings)
    assert checker.failing == {}


async def test_only_the_keys_named(engine: Engine, checker: Checker) -> None:
    for name in ("a", "b", "c"):
        await engine.add_key(name)
    assert [one.key for one in await checker.check(ANN, ["c", "a", "c"])] == ["a", "c"]


async def test_versions_that_do_nothing_are_not_looked_at(engine: Engine, checker: Checker) -> None:
    idle = [state for state in State if state not in (State.ACTIVE, State.VERIFY_ONLY)]
    await engine.add_key("k", states=(State.ACTIVE, *idle), provider="far")
    assert [one.version for one in await checker.check(ANN, ["k"])] == [1]


@pytest.mark.parametrize(
    ("names", "reason"), [(["x"], Reason.KEY_NOT_FOUND), (["X"], Reason.KEY_NAME_INVALID)]
)
async def test_unknown_keys_are_refused(
    engine: Engine, checker: Checker, names: list[str], reason: Reason
) -> None:
    with pytest.raises(SignerdError) as caught:
        await checker.check(ANN, names)
    assert caught.value.reason is reason
    assert engine.record().reason == reason.name


async def test_keys_that_others_made_are_found(engine: Engine, checker: Checker) -> None:
    await engine.add_key("new", seen=False)
    assert (await only(checker, "new")).ok


async def replace_key(engine: Engine) -> None:
    """Somebody puts another key in its place."""
    uri = uri_of(engine, "k")
    made = engine.far._keys[uri]
    other = await MemoryProvider().create(Order("k", 1, engine.keyring.signing("k", 0).algorithm, "x"))
    engine.far._keys[uri] = made[0], replace(made[1], public_key=other.public_key)


async def change_signer(engine: Engine) -> None:
    """It shows the right public key and signs with another."""
    uri = uri_of(engine, "k")
    other = MemoryProvider()
    made = await other.create(Order("k", 1, engine.keyring.signing("k", 0).algorithm, "x"))
    engine.far._keys[uri] = other._keys[made.uri][0], engine.far._keys[uri][1]


async def delete(engine: Engine) -> None:
    await engine.far.change(uri_of(engine, "k"), Change.DESTROY)


async def deny_signing(engine: Engine) -> None:
    engine.far.fault = SignerdError(Reason.PROVIDER_DENIED, "sign is not allowed")


async def deny_reading(engine: Engine) -> None:
    engine.far.find = failing(Reason.PROVIDER_DENIED)  # type: ignore[method-assign]


async def break_down(engine: Engine) -> None:
    engine.far.fault = ZeroDivisionError("secret")


DRIFT = [
    (replace_key, Reason.PROVIDER_INTEGRITY),
    (change_signer, Reason.PROVIDER_INTEGRITY),
    (disable, Reason.KEY_MATERIAL_DISABLED),
    (delete, Reason.KEY_MATERIAL_UNREADABLE),
    (deny_signing, Reason.PROVIDER_DENIED),
    (deny_reading, Reason.PROVIDER_DENIED),
    (break_down, Reason.PROVIDER_UNAVAILABLE),
]


@pytest.mark.parametrize(("drift", "reason"), DRIFT, ids=[drift.__name__ for drift, _ in DRIFT])
async def test_what_changed_is_found(engine: Engine, checker: Checker, drift: Any, reason: Reason) -> None:
    await engine.add_key("k", provider="far")
    await engine.add_key("fine", provider="far")
    await drift(engine)
    found = {one.key: one for one in await checker.check(ANN, [])}
    assert (found["k"].ok, found["k"].reason) == (False, reason.name)
    assert found["k"].message
    assert "secret" not in found["k"].message
    if engine.far.fault is None and drift is not deny_reading:
        assert found["fine"].ok
    record = next(one for one in engine.records() if one.operation == "canary" and one.key == "k")
    assert (record.reason, record.caller, record.version) == (reason.name, "unix:ann", 1)


async def test_a_key_that_signs_though_it_is_disabled_is_told(engine: Engine, checker: Checker) -> None:
    await engine.add_key("k", provider="far")
    find = engine.far.find

    async def shown_disabled(uri: str) -> list[Material]:
        return [replace(one, enabled=False) for one in await find(uri)]

    engine.far.find = shown_disabled  # type: ignore[method-assign]
    assert (await only(checker, "k")).reason == Reason.KEY_MATERIAL_DISABLED.name


async def test_a_key_in_this_process_is_verified_whatever_the_sample(
    engine: Engine, checker: Checker
) -> None:
    await engine.add_key("k", provider="here")
    assert (await only(checker, "k")).ok
    provider: Any = engine.worker.providers["here"]._provider
    other = await provider.create(Order("k", 2, engine.keyring.signing("k", 0).algorithm, "x"))
    uri = uri_of(engine, "k")
    provider._keys[uri] = provider._keys[other.uri][0], provider._keys[uri][1]
    assert (await only(checker, "k")).reason == Reason.PROVIDER_INTEGRITY.name


async def test_a_version_that_only_verifies_needs_no_private_key(engine: Engine, checker: Checker) -> None:
    await engine.add_key("k", states=(State.VERIFY_ONLY, State.ACTIVE), primary=2, provider="far")
    await engine.far.change(uri_of(engine, "k", 1), Change.DISABLE)
    assert all(one.ok for one in await checker.check(ANN, ["k"]))
    await engine.far.change(uri_of(engine, "k", 1), Change.DESTROY)
    assert all(one.ok for one in await checker.check(ANN, ["k"]))


async def test_a_public_key_that_changed_is_found_of_old_versions_too(
    engine: Engine, checker: Checker
) -> None:
    await engine.add_key("k", states=(State.ACTIVE, State.VERIFY_ONLY), provider="far")
    first, second = (engine.far._keys[uri_of(engine, "k", number)] for number in (1, 2))
    engine.far._keys[uri_of(engine, "k", 2)] = second[0], replace(second[1], public_key=first[1].public_key)
    findings = await checker.check(ANN, ["k"])
    assert [one.reason for one in findings] == ["", Reason.PROVIDER_INTEGRITY.name]


async def test_a_key_whose_provider_is_gone_is_told(engine: Engine, checker: Checker) -> None:
    await engine.add_key("k", provider="far")
    engine.keyring._providers = {}
    assert (await only(checker, "k")).reason == Reason.PROVIDER_UNAVAILABLE.name


async def test_canaries_outside_this_process_are_on_record(engine: Engine, checker: Checker) -> None:
    await engine.add_key("far", provider="far")
    await engine.add_key("here")
    await checker.check(ANN, [], ReadCall(request_id="r"))
    canary, check = engine.records()
    assert (canary.operation, canary.key, canary.outcome) == ("canary", "far", "ok")
    assert canary.digest
    assert canary.signature_sha256
    assert (check.operation, check.outcome, check.request_id) == ("check-keys", "ok", "r")


async def test_a_canary_is_no_signature_for_callers(engine: Engine, checker: Checker) -> None:
    await engine.add_key("k", provider="far")
    await checker.check(ANN, [])
    assert b"signerd_signatures_total{" not in engine.worker.exposition()


async def test_what_fails_shows_until_it_passes(engine: Engine, checker: Checker) -> None:
    await engine.add_key("k", provider="far")
    await disable(engine)
    assert not (await only(checker, "k")).ok
    assert any(one.startswith("k version 1: ") for one in engine.worker.status.now().warnings)
    assert b"signerd_key_check_failures 1.0" in engine.worker.exposition()
    await engine.far.change(uri_of(engine, "k"), Change.ENABLE)
    assert (await only(checker, "k")).ok
    assert not any("version 1" in one for one in engine.worker.status.now().warnings)
    assert b"signerd_key_check_failures 0.0" in engine.worker.exposition()


async def test_what_is_no_longer_checked_no_longer_fails(engine: Engine, checker: Checker) -> None:
    await engine.add_key("k")
    checker.failing["gone", 1] = Finding("gone", 1, "far", ok=False, reason="X", message="x", milliseconds=0)
    await checker.check(ANN, ["k"])
    assert len(checker.failing) == 1
    await checker.check(ANN, [])
    assert checker.failing == {}


def test_a_few_of_many_are_shown(engine: Engine, checker: Checker) -> None:
    for number in range(checking.SHOWN + 5):
        checker.failing["k", number] = Finding("k", number, "far", False, "X", "broken", 0)
    warnings = checker.warnings()
    assert len(warnings) == checking.SHOWN + 1
    assert warnings[-1] == "5 more versions fail"


async def test_a_provider_is_asked_for_a_few_at_once(engine: Engine, checker: Checker) -> None:
    for number in range(checking.AT_ONCE + 4):
        await engine.add_key(f"k{number}", provider="far")
    engine.far.gate.clear()
    running = asyncio.create_task(checker.check(ANN, []))
    await until(lambda: engine.far.waiting == checking.AT_ONCE)
    engine.far.gate.set()
    assert all(one.ok for one in await running)
    assert engine.far.most_waiting == checking.AT_ONCE
