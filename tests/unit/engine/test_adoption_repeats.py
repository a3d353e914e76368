"""Adoption asked for twice, at once, or by callers who go away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from signerd.engine.creation import Created
from signerd.engine.tasks import Tasks
from signerd.errors import Reason, SignerdError
from signerd.v1 import resources_pb2 as resources
from tests.unit.engine.adopted import adopt, material
from tests.unit.engine.parts import BOB, Engine, Refused, refused, until


@pytest.mark.parametrize(
    "fields",
    [
        {"uri": "memory:else/1-a"},
        {"provider": "files"},
        {"algorithm": "ecdsa-p256-sha256"},
        {"public_only": True},
        {"purpose": resources.KEY_PURPOSE_JWT},
        {"labels": {"a": "b"}},
    ],
)
async def test_a_request_that_differs_is_another_one(engine: Engine, fields: dict[str, Any]) -> None:
    made = await material(engine)
    await adopt(engine, uri=made.uri, request_id="id-1")
    error = await refused(adopt(engine, **{"uri": made.uri, "request_id": "id-1", **fields}))
    assert error.reason is Reason.REQUEST_ID_REUSED


@pytest.mark.parametrize("fields", [{}, {"public_only": True}])
async def test_the_same_request_gives_the_first_answer(engine: Engine, fields: dict[str, Any]) -> None:
    made = await material(engine)
    first = await adopt(engine, uri=made.uri, request_id="id-1", **fields)
    again = await adopt(engine, uri=made.uri, request_id="id-1", **fields)
    assert (again.key, again.revision) == (first.key, first.revision)
    assert again.audit.sequence > first.audit.sequence
    error = await refused(adopt(engine, "other", uri=made.uri, request_id="id-1", **fields))
    assert error.reason is Reason.REQUEST_ID_REUSED
    error = await refused(adopt(engine, uri=made.uri, request_id="id-1", caller=BOB, **fields))
    assert error.reason is Reason.KEY_EXISTS


async def test_two_that_adopt_the_same_material_get_one_key(engine: Engine) -> None:
    made = await material(engine)
    engine.far.gate.clear()
    both = [asyncio.create_task(adopt(engine, name, uri=made.uri)) for name in ("one", "two")]
    await until(lambda: engine.far.waiting == 2)
    engine.far.gate.set()
    ended = await asyncio.gather(*both, return_exceptions=True)
    (error,) = (one for one in ended if isinstance(one, Refused))
    assert error.reason is Reason.KEY_EXISTS
    assert len(engine.keyring.view.snapshot.keys) == 1
    assert len(await engine.far.held()) == 1


async def test_adoption_goes_on_when_its_caller_goes_away(engine: Engine) -> None:
    made = await material(engine)
    engine.far.gate.clear()
    call = asyncio.create_task(adopt(engine, uri=made.uri))
    await until(lambda: engine.far.waiting == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    engine.far.gate.set()
    await engine.worker.listeners.methods.material.adopter.tasks.settle()
    assert "release" in engine.keyring.view.snapshot.keys
    assert engine.records()[-1].outcome == "ok"


async def test_changes_under_way_are_bounded() -> None:
    tasks, gate = Tasks[Created](most=1), asyncio.Event()

    async def change() -> Created:
        await gate.wait()
        return Created(b"", 1)

    first = asyncio.create_task(tasks.run(change()))
    await asyncio.sleep(0)
    with pytest.raises(SignerdError) as caught:
        await tasks.run(change())
    assert (caught.value.reason, caught.value.retry_after) == (Reason.OVERLOADED, 1.0)
    gate.set()
    assert (await first).sequence == 1
    await tasks.settle()
