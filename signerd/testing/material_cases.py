"""Cases about key material: made once, named, listed, and there again after a restart."""

from __future__ import annotations

import asyncio

import pytest

from signerd.core.algorithms import TABLE
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material, Order, Provider
from signerd.testing.faults import FaultyProvider, lose
from signerd.testing.trials import INSTANCE, Made, Trial, close, guarded, refusal

NOWHERE = (Reason.KEY_MATERIAL_UNREADABLE, Reason.KEY_URI_INVALID)


def marked_as(material: Material, order: Order) -> None:
    """The tags say what the material was made for."""
    wanted = {**order.tags, "instance": material.tags.get("instance", INSTANCE)}
    assert {name: material.tags.get(name, wanted["instance"]) for name in wanted} == wanted


class MaterialCases:
    """What is made has a URI and tags of its own, is made once, and is found again."""

    async def test_capabilities_are_data(self, trial: Trial) -> None:
        claimed = trial.provider.capabilities
        assert claimed.algorithms
        assert len(set(claimed.algorithms)) == len(claimed.algorithms)
        assert set(claimed.algorithms) <= set(TABLE)
        assert claimed.destroy_delay is None or claimed.destroy_delay.total_seconds() >= 0

    async def test_health_needs_no_await(self, trial: Trial) -> None:
        await trial.key()
        assert trial.provider.health().healthy, trial.provider.health()

    async def test_what_is_made_is_told_as_it_was_ordered(self, trial: Trial) -> None:
        made = await trial.key()
        assert made.material.enabled
        marked_as(made.material, made.order)

    async def test_a_uri_gives_the_material(self, trial: Trial) -> None:
        made = await trial.key()
        (found,) = await trial.provider.find(made.uri)
        assert same(found, made.material)

    async def test_two_keys_are_two(self, trial: Trial) -> None:
        one, other = await trial.key(), await trial.fresh()
        assert one.uri != other.uri
        assert one.material.public_key != other.material.public_key
        for made in (one, other):
            await trial.sign(made)

    async def test_names_that_look_alike_are_different_keys(self, trial: Trial) -> None:
        start = trial.name()
        names = [f"{start}/a{mark}b" for mark in "/-._"] + [f"{start}/a--b", f"{start}/a/b/{'c' * 80}"[:128]]
        made = [await trial.fresh(name) for name in names]
        assert len({one.uri for one in made}) == len(names)
        assert len({one.material.public_key for one in made}) == len(names)
        for one in made:
            marked_as(one.material, one.order)
            marked_as((await trial.provider.find(one.uri))[0], one.order)

    async def test_everything_made_is_listed_with_its_tags(self, trial: Trial) -> None:
        made = [await trial.key(), await trial.fresh()]
        held = {one.uri: one for one in await trial.provider.held()}
        for one in made:
            marked_as(held[one.uri], one.order)
            assert held[one.uri].public_key == one.material.public_key

    async def test_unknown_material(self, trial: Trial) -> None:
        uri, known = trial.subject.unknown_uri, await trial.key()
        for call in (trial.provider.sign(uri, known.algorithm, known.given), trial.provider.find(uri)):
            await refusal(call, Reason.KEY_MATERIAL_UNREADABLE)

    @pytest.mark.parametrize("uri", ["another-scheme:nobody/1-x", "", "//", "no scheme"])
    async def test_a_uri_of_another_technology(self, trial: Trial, uri: str) -> None:
        await refusal(trial.provider.find(uri), *NOWHERE)

    async def test_a_tag_used_twice_makes_nothing_new(self, trial: Trial) -> None:
        made = await trial.key()
        await refusal(trial.provider.create(made.order), Reason.KEY_EXISTS)
        assert [one.uri for one in await trial.tagged(made.order)] == [made.uri]
        await trial.sign(made)

    async def test_a_tag_ordered_many_times_at_once_is_made_once(self, trial: Trial) -> None:
        order = trial.order()
        calls = (trial.provider.create(order) for _ in range(4))
        results = await asyncio.gather(*calls, return_exceptions=True)
        (won,) = [one for one in results if isinstance(one, Material)]
        for lost in (one for one in results if one is not won):
            assert isinstance(lost, SignerdError), lost
            assert lost.reason is Reason.KEY_EXISTS
        assert [one.uri for one in await trial.tagged(order)] == [won.uri]
        await trial.sign(trial.adopt(order, won))

    async def test_a_lost_answer_leaves_material_that_is_found(self, trial: Trial) -> None:
        order, faulty = trial.order(), FaultyProvider(trial.provider)
        faulty.operation, faulty.fault = "create", lose
        await refusal(guarded(trial.subject, faulty).create(order), Reason.PROVIDER_TIMEOUT)
        await refusal(trial.provider.create(order), Reason.KEY_EXISTS)
        (left,) = await trial.tagged(order)
        marked_as(left, order)
        await trial.sign(trial.adopt(order, left))

    async def test_an_order_given_up_leaves_nothing_unseen(self, trial: Trial) -> None:
        order = trial.order()
        task = asyncio.ensure_future(trial.provider.create(order))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        try:
            made = trial.adopt(order, await trial.provider.create(order))
        except SignerdError as error:
            assert error.reason is Reason.KEY_EXISTS, error
            (left,) = await trial.tagged(order)
            made = trial.adopt(order, left)
        assert len(await trial.tagged(order)) == 1
        await trial.sign(made)

    async def test_material_outlives_the_provider(self, trial: Trial) -> None:
        made = await trial.key()
        again = await trial.subject.opened()
        try:
            await self._check_after_restart(trial, made, again)
        finally:
            await close(again)

    async def _check_after_restart(self, trial: Trial, made: Made, again: Provider) -> None:
        if not trial.subject.survives:
            assert await again.held() == []
            return
        (found,) = await again.find(made.uri)
        assert same(found, made.material)
        assert [one.uri for one in await trial.tagged(made.order, again)] == [made.uri]
        await trial.sign(made, through=guarded(trial.subject, again))
        await refusal(again.create(made.order), Reason.KEY_EXISTS)


def same(found: Material, made: Material) -> bool:
    """Whether both tell of the same key version."""
    return (found.uri, found.public_key, found.number, found.enabled) == (
        made.uri,
        made.public_key,
        made.number,
        made.enabled,
    )
