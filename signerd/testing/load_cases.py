"""Cases about many calls at once."""

from __future__ import annotations

import asyncio

from signerd.core.inputs import Message, prepare
from signerd.testing.trials import Trial, guarded

_AT_ONCE = 64


class LoadCases:
    """Calls at the same time get each their own answer."""

    async def test_signs_many_at_once(self, trial: Trial) -> None:
        keys = [await trial.key(), await trial.fresh()]
        given = [prepare(trial.algorithm, Message(b"%d" % number)) for number in range(_AT_ONCE)]
        await asyncio.gather(*(trial.sign(keys[number % 2], one) for number, one in enumerate(given)))

    async def test_signs_many_at_once_after_a_restart(self, trial: Trial) -> None:
        made = await trial.key()
        async with trial.another() as again:
            through = guarded(trial.subject, again)
            await asyncio.gather(*(trial.sign(made, through=through) for _ in range(_AT_ONCE)))

    async def test_signs_while_keys_are_made(self, trial: Trial) -> None:
        made = await trial.key()
        creations = [asyncio.ensure_future(trial.fresh()) for _ in range(2)]
        rounds = 0
        while rounds < 2 or not all(one.done() for one in creations):
            await asyncio.gather(*(trial.sign(made) for _ in range(_AT_ONCE // 2)))
            rounds += 1
        for new in await asyncio.gather(*creations):
            await trial.sign(new)

    async def test_finds_and_lists_while_it_signs(self, trial: Trial) -> None:
        made = await trial.key()
        signing = asyncio.gather(*(trial.sign(made) for _ in range(_AT_ONCE)))
        found, held = await asyncio.gather(trial.provider.find(made.uri), trial.provider.held())
        await signing
        assert [one.uri for one in found] == [made.uri]
        assert made.uri in {one.uri for one in held}

    async def test_a_caller_who_leaves_disturbs_nobody(self, trial: Trial) -> None:
        made = await trial.key()
        leaving = [asyncio.ensure_future(trial.sign(made)) for _ in range(8)]
        staying = [asyncio.ensure_future(trial.sign(made)) for _ in range(8)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.wait(leaving)
        await asyncio.gather(*staying)
        await trial.sign(made)
