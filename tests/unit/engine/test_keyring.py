"""What a worker knows of the state: others' changes are seen, and unknown names can't flood the database."""

from __future__ import annotations

import asyncio

import pytest

from signerd.core.keys import State
from signerd.errors import Reason, SignerdError
from signerd.state.snapshot import Snapshot
from signerd.v1 import keys_pb2
from signerd.v1 import signer_pb2 as pb
from tests.unit.engine.parts import Engine, refused, sign_request


async def test_a_key_that_another_worker_made_is_found(engine: Engine) -> None:
    await engine.add_key("k", seen=False)
    assert (await engine.sign("k")).signature
    assert engine.store.loads == 1
    assert (await engine.sign("k")).signature
    assert engine.store.loads == 1


async def test_the_reads_of_many_who_ask_at_once_are_one(engine: Engine) -> None:
    await engine.add_key("k", seen=False)
    signed = await asyncio.gather(*(engine.sign("k") for _ in range(100)))
    assert all(one.signature for one in signed)
    assert engine.store.loads == 1


async def test_unknown_keys_are_looked_up_once_for_all(engine: Engine) -> None:
    errors = await asyncio.gather(*(refused(engine.sign(f"nobody-{number}")) for number in range(100)))
    assert {error.reason for error in errors} == {Reason.KEY_NOT_FOUND}
    assert engine.store.loads == 1
    assert len(engine.records()) == 100


async def test_unknown_keys_in_one_batch_too(engine: Engine) -> None:
    await engine.batch([sign_request(f"nobody-{number}") for number in range(500)])
    assert engine.store.loads == 1


async def test_the_first_who_asks_going_away_harms_nobody(engine: Engine) -> None:
    await engine.add_key("k", seen=False)
    first = asyncio.create_task(engine.sign("k"))
    await asyncio.sleep(0)
    second = asyncio.create_task(engine.sign("k"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).signature
    assert engine.store.loads == 1


async def test_a_state_that_cant_be_read_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreadable(*_: object) -> None:
        raise SignerdError(Reason.STATE_UNAVAILABLE)

    await engine.add_key("k")
    monkeypatch.setattr(engine.store, "revision", unreadable)
    assert (await refused(engine.sign("nobody"))).reason is Reason.STATE_UNAVAILABLE
    assert engine.record().outcome == "failed"
    assert (await engine.sign("k")).signature


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("Signer/Sign", sign_request("k", min_revision=7)),
        ("Signer/Verify", pb.VerifyRequest(key="k", message=b"", signature=b"x", min_revision=7)),
        ("Signer/PublicKey", pb.PublicKeyRequest(key="k", min_revision=7)),
        ("Keys/GetKey", keys_pb2.GetKeyRequest(name="k", min_revision=7)),
        ("Keys/ListKeys", keys_pb2.ListKeysRequest(min_revision=7)),
    ],
    ids=["sign", "verify", "public key", "get", "list"],
)
async def test_a_revision_ahead_is_not_answered_from_an_older_one(
    engine: Engine, path: str, request_: pb.SignRequest
) -> None:
    await engine.add_key("k")
    error = await refused(engine.call(path, request_))
    assert (error.reason, error.field) == (Reason.STATE_STALE, "min_revision")
    assert error.retry
    assert engine.store.loads == 1


async def test_a_revision_that_is_there_is_read(engine: Engine) -> None:
    await engine.add_key("k")
    await engine.add_key("other", seen=False)
    assert engine.keyring.revision == 1
    assert (await engine.sign("k", min_revision=2)).signature
    assert (engine.keyring.revision, engine.store.loads) == (2, 1)
    assert (await engine.sign("k", min_revision=2)).signature
    assert (await engine.sign("k", min_revision=-5)).signature
    assert engine.store.loads == 1


async def test_requests_go_on_with_what_they_found(engine: Engine) -> None:
    key = await engine.add_key("k", provider="far", states=[State.ACTIVE])
    engine.far.gate.clear()
    request = asyncio.create_task(engine.sign("k"))
    await asyncio.sleep(0.01)
    await engine.add_key("other")
    engine.far.gate.set()
    assert (await request).key_version == key.version(0).name


async def test_a_key_at_a_provider_that_is_not_configured(engine: Engine) -> None:
    await engine.add_key("k")
    del engine.worker.providers["here"]  # type: ignore[attr-defined]
    error = await refused(engine.sign("k"))
    assert error.reason is Reason.PROVIDER_UNAVAILABLE
    assert "here" in error.message


async def test_a_change_that_moves_no_revision_is_not_read_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[None] = []
    load = engine.store.load

    async def counted(minimum_revision: int = 0) -> Snapshot:
        loads.append(None)
        return await load(minimum_revision)

    monkeypatch.setattr(engine.store, "load", counted)
    await engine.keyring.reload()
    await engine.keyring.notice()
    assert len(loads) == 1
    await engine.add_key("k", seen=False)
    await engine.keyring.notice()
    assert (len(loads), "k" in engine.keyring.view.snapshot.keys) == (2, True)
    monkeypatch.setattr("signerd.engine.keyring.LOOK_AGAIN", -1.0)
    await engine.keyring.notice()
    assert len(loads) == 3
