"""Cases about versions: several of a key, disabled ones, destroyed ones, by what the technology can do."""

from __future__ import annotations

from signerd.errors import Reason, SignerdError
from signerd.providers.base import Change, Material
from signerd.testing.trials import UNUSABLE, Made, Trial, becomes, refusal


class VersionCases:
    """Versions are told apart, and what is disabled or destroyed signs no more."""

    async def test_two_versions_of_a_key_are_two(self, trial: Trial) -> None:
        first, second = await _two_versions(trial)
        assert first.uri != second.uri
        assert first.material.public_key != second.material.public_key
        for made in (first, second):
            await trial.sign(made)
            assert [one.uri for one in await trial.provider.find(made.uri)] == [made.uri]

    async def test_the_uri_of_a_key_gives_its_versions_oldest_first(self, trial: Trial) -> None:
        first, second = await _two_versions(trial)
        numbers = first.material.number, second.material.number
        if trial.subject.key_uri is None:
            assert numbers == (0, 0), "versions with numbers: the subject needs key_uri"
            return
        assert 0 < numbers[0] < numbers[1]
        key_uri = trial.subject.key_uri(first.uri)
        assert key_uri == trial.subject.key_uri(second.uri)
        assert [(one.uri, one.number) for one in await trial.provider.find(key_uri)] == [
            (first.uri, numbers[0]),
            (second.uri, numbers[1]),
        ]

    async def test_a_version_made_later_changes_nothing_about_the_first(self, trial: Trial) -> None:
        first = await trial.fresh()
        await trial.sign(first)
        await trial.fresh(first.order.key, 2)
        await trial.sign(first)
        assert [one.public_key for one in await trial.provider.find(first.uri)] == [first.material.public_key]

    async def test_disabled_material_does_not_sign_until_it_is_enabled(self, trial: Trial) -> None:
        made, other = await trial.fresh(), await trial.key()
        await trial.sign(made)
        disabled = trial.provider.capabilities.disable
        for _ in range(2):
            await _change(trial, made, Change.DISABLE, possible=disabled)
        if disabled:
            assert await becomes(lambda: _shown_as(trial, made, enabled=False))
            await refusal(trial.guarded.sign(made.pinned, made.given), Reason.KEY_MATERIAL_DISABLED)
        await trial.sign(other)
        for _ in range(2):
            await _change(trial, made, Change.ENABLE, possible=disabled)
        assert await becomes(lambda: _shown_as(trial, made, enabled=True))
        await trial.sign(made)

    async def test_destroyed_material_does_not_sign(self, trial: Trial) -> None:
        gone, kept = await trial.fresh(), await trial.key()
        await trial.sign(gone)
        possible = trial.provider.capabilities.destroy_delay is not None
        for _ in range(2):
            await _change(trial, gone, Change.DESTROY, possible=possible)
        if possible:
            assert await becomes(lambda: _refused(trial, gone))
            assert all(not one.enabled for one in await trial.tagged(gone.order))
        await trial.sign(kept)

    async def test_destroying_one_version_leaves_the_other(self, trial: Trial) -> None:
        first, second = await _two_versions(trial)
        possible = trial.provider.capabilities.destroy_delay is not None
        await _change(trial, first, Change.DESTROY, possible=possible)
        await trial.sign(second)
        assert [one.uri for one in await trial.tagged(second.order)] == [second.uri]

    async def test_what_is_disabled_behind_our_back_does_not_sign(self, trial: Trial) -> None:
        if not trial.provider.capabilities.disable:
            return
        made = await trial.fresh()
        await trial.sign(made)
        await trial.disable_outside(made.uri)
        assert await becomes(lambda: _refused(trial, made))
        assert await becomes(lambda: _shown_as(trial, made, enabled=False))

    async def test_what_is_deleted_behind_our_back_is_found_out(self, trial: Trial) -> None:
        if trial.provider.capabilities.destroy_delay is None and trial.subject.delete_outside is None:
            return
        made = await trial.fresh()
        await trial.delete_outside(made.uri)
        assert await becomes(lambda: _gone(trial, made))

    async def test_the_name_of_a_key_follows_its_primary(self, trial: Trial) -> None:
        first, second = await _two_versions(trial)
        follows = trial.guarded.follows
        for made in (first, second, first):
            assert await _promote(trial, made) == follows, "the name did not lead there"
            assert not await _promote(trial, made), "the name led there already"
        other = await trial.guarded.promote(first.uri, first.order.key, "another")
        assert not other, "only the instance that made a key names it"
        for made in (first, second):
            await trial.sign(made)


async def _promote(trial: Trial, made: Made) -> bool:
    return await trial.guarded.promote(made.uri, made.order.key, made.order.instance)


async def _two_versions(trial: Trial) -> tuple[Made, Made]:
    first = await trial.fresh()
    return first, await trial.fresh(first.order.key, 2)


async def _change(trial: Trial, made: Made, change: Change, *, possible: bool) -> None:
    """What can't be done is refused, or nothing happens."""
    try:
        await trial.guarded.change(made.uri, change)
    except SignerdError as error:
        assert not possible, error
        assert error.reason is Reason.PROVIDER_REFUSED, error


async def _find(trial: Trial, made: Made) -> list[Material]:
    try:
        return await trial.provider.find(made.uri)
    except SignerdError as error:
        assert error.reason in UNUSABLE, error
        return []


async def _shown_as(trial: Trial, made: Made, *, enabled: bool) -> bool:
    return [one.enabled for one in await _find(trial, made)] == [enabled]


async def _gone(trial: Trial, made: Made) -> bool:
    return not any(one.enabled for one in await _find(trial, made))


async def _refused(trial: Trial, made: Made) -> bool:
    try:
        await trial.sign(made)
    except SignerdError as error:
        assert error.reason in UNUSABLE, error
        return True
    return False
