"""Material that a crash left and no key can use: destroyed, and nothing else with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from signerd.core.algorithms import algorithm_named
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Order
from signerd.providers.memory import MemoryProvider
from signerd.state.orders import PendingOrder
from tests.support.lives import check_signs, held
from tests.unit.engine.outside import NAME, STEPS, Outside, World, die, provider, technology, world

__all__ = ["provider", "technology", "world"]


SPOILT = {
    "signature": Reason.PROVIDER_INTEGRITY,
    "public key": Reason.PROVIDER_INTEGRITY,
    "algorithm": Reason.ALGORITHM_UNSUPPORTED,
    "disabled": Reason.KEY_MATERIAL_DISABLED,
    "empty": Reason.ALGORITHM_UNSUPPORTED,
}


async def spoil(technology: Outside, uri: str, what: str) -> None:
    if what == "disabled":
        await technology.change(uri, Change.DISABLE)
    elif what == "signature":
        technology.signature = b"garbage"
    elif what == "empty":  # an import that was begun
        private_key, material = technology._keys[uri]
        technology._keys[uri] = private_key, replace(material, public_key=b"", enabled=False)
    else:
        name = "ecdsa-p256-sha256" if what == "public key" else "ecdsa-p384-sha384"
        other = await MemoryProvider().create(Order("x", 1, algorithm_named(name), "x"))
        private_key, material = technology._keys[uri]
        technology._keys[uri] = private_key, replace(material, public_key=other.public_key)


@pytest.mark.parametrize("what", SPOILT)
async def test_material_that_is_no_good_is_destroyed(world: World, technology: Outside, what: str) -> None:
    await die(await world.life("first"), STEPS[5])
    second = await world.life()
    (uri,) = await held(world.provider)
    await spoil(technology, uri, what)
    await second.recovery.settle()
    assert NAME not in second.keys
    assert await technology.held() == []
    (record,) = second.records()
    assert (record.operation, record.reason) == ("create-key-recovered", SPOILT[what].name)
    assert second.recovery.waiting == set()


async def test_what_can_not_be_destroyed_now_is_destroyed_later(
    world: World, technology: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die(await world.life("first"), STEPS[5])
    other = await world.life("other", "other/worker-0")
    await other.create(NAME, request_id="r-2")
    second = await world.life()

    async def unable(*_: object) -> None:
        raise SignerdError(Reason.PROVIDER_THROTTLED, "slowly")

    monkeypatch.setattr(technology, "change", unable)
    await second.recovery.settle()
    assert second.recovery.warnings() == ["unfinished key: slowly"]
    monkeypatch.undo()
    await second.recovery.settle()
    assert await world.orphans(second) == set()


async def test_an_order_that_comes_back_destroys_no_key(world: World) -> None:
    first = await world.life("first")
    orders: list[PendingOrder] = []
    begin = first.creator.journal.begin

    async def spied(order: PendingOrder) -> None:
        orders.append(order)
        await begin(order)

    first.creator.journal.begin = spied  # type: ignore[method-assign]
    await first.create(NAME)
    # Who can write to the database puts the old row back.
    await begin(orders[0])
    second = await world.life()
    world.clock.ahead += timedelta(minutes=2)
    await second.recovery.settle()
    assert await world.orphans(second) == set()
    await check_signs(world.provider, second, NAME)


async def test_material_made_twice_leaves_one(world: World, technology: Outside) -> None:
    await die(await world.life("first"), STEPS[5])
    (uri,) = await held(world.provider)
    private_key, material = technology._keys[uri]
    technology._keys[f"{uri}-again"] = private_key, replace(material, uri=f"{uri}-again")
    second = await world.life()
    await second.recovery.settle()
    assert await world.orphans(second) == set()
    assert len(second.keys) == 1


async def test_material_of_others_is_left_alone(world: World, technology: Outside) -> None:
    for tag in ("", "other"):
        await technology.create(Order("other", 1, algorithm_named("ecdsa-p256-sha256"), tag))
    before = set(await held(world.provider))
    await die(await world.life("first"), STEPS[5])
    second = await world.life()
    await second.recovery.settle()
    assert await world.orphans(second) == before
