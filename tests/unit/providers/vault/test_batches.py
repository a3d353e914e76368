"""What comes at the same time goes together, and nobody's outcome is another's."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.errors import Reason, SignerdError
from signerd.providers.vault.batches import LANES, LARGEST, Batches


class Sent:
    """Answers each input with itself, when it is let."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[bytes]]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.most = 0
        self._under_way = 0

    async def __call__(self, use: str, inputs: Sequence[bytes]) -> list[bytes | SignerdError]:
        self.batches.append((use, list(inputs)))
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await self.go.wait()
        self._under_way -= 1
        if b"all" in inputs:
            raise SignerdError(Reason.PROVIDER_UNAVAILABLE, "down", retry_after=2.0)
        if b"bug" in inputs:
            raise LookupError("bug")
        return [
            SignerdError(Reason.PROVIDER_REFUSED, "no") if one == b"bad" else b"signed " + one
            for one in inputs
        ]


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_one_goes_alone() -> None:
    sent = Sent()
    assert await Batches(sent).sign("k", b"1") == b"signed 1"
    assert sent.batches == [("k", [b"1"])]


async def test_those_of_one_turn_go_together() -> None:
    sent = Sent()
    batches = Batches(sent)
    inputs = [b"%d" % number for number in range(LARGEST + 3)]
    results = await asyncio.gather(*(batches.sign("k", one) for one in inputs))
    assert results == [b"signed " + one for one in inputs]
    assert [len(batch) for _, batch in sent.batches] == [LARGEST, 3]


async def test_keys_do_not_mix() -> None:
    sent = Sent()
    batches = Batches(sent)
    await asyncio.gather(batches.sign("k", b"1"), batches.sign("l", b"2"), batches.sign("k", b"3"))
    assert sorted(sent.batches) == [("k", [b"1", b"3"]), ("l", [b"2"])]


async def test_lanes_are_limited_and_the_rest_is_gathered() -> None:
    sent = Sent()
    sent.go.clear()
    batches = Batches(sent)
    tasks = []
    for number in range(LANES + 20):
        tasks.append(asyncio.create_task(batches.sign("k", b"%d" % number)))
        await turns()
    assert len(sent.batches) == LANES
    sent.go.set()
    assert len(await asyncio.gather(*tasks)) == LANES + 20
    assert sent.most == LANES
    assert len(sent.batches) < LANES + 20
    assert batches._queues == {}


async def test_an_error_of_one_is_its_own() -> None:
    batches = Batches(Sent())
    good, bad, other = await asyncio.gather(
        *(batches.sign("k", one) for one in (b"1", b"bad", b"2")), return_exceptions=True
    )
    assert (good, other) == (b"signed 1", b"signed 2")
    assert isinstance(bad, SignerdError)


async def test_an_error_of_all_is_each_ones_own() -> None:
    batches = Batches(Sent())
    one, other = await asyncio.gather(
        batches.sign("k", b"all"), batches.sign("k", b"2"), return_exceptions=True
    )
    assert isinstance(one, SignerdError)
    assert isinstance(other, SignerdError)
    assert (one.reason, one.message, one.retry_after) == (other.reason, other.message, other.retry_after)
    one.recorded = True
    assert not other.recorded
    assert await batches.sign("k", b"3") == b"signed 3"


async def test_a_defect_reaches_the_callers() -> None:
    batches = Batches(Sent())
    with pytest.raises(LookupError):
        await batches.sign("k", b"bug")
    assert await batches.sign("k", b"3") == b"signed 3"


async def test_who_has_left_is_not_signed_for() -> None:
    sent = Sent()
    batches = Batches(sent)
    leaving, staying = (asyncio.create_task(batches.sign("k", one)) for one in (b"1", b"2"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == b"signed 2"
    assert sent.batches == [("k", [b"2"])]


async def test_leaving_under_way_disturbs_nobody() -> None:
    sent = Sent()
    sent.go.clear()
    batches = Batches(sent)
    leaving, staying = (asyncio.create_task(batches.sign("k", one)) for one in (b"1", b"2"))
    await turns()
    leaving.cancel()
    sent.go.set()
    assert await staying == b"signed 2"


async def test_closing_ends_all() -> None:
    sent = Sent()
    sent.go.clear()
    batches = Batches(sent)
    tasks = [
        asyncio.create_task(batches.sign("k", b"%d" % number)) for number in range(LARGEST * (LANES + 1))
    ]
    await turns()
    batches.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(one) for one in results} == {asyncio.CancelledError}
    assert batches._queues == {}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("kl"), st.sampled_from([b"1", b"bad"]), st.booleans()), max_size=120)
)
def test_everybody_gets_what_is_theirs(calls: list[tuple[str, bytes, bool]]) -> None:
    async def run() -> None:
        batches = Batches(Sent())
        tasks = []
        for use, content, pause in calls:
            tasks.append(asyncio.create_task(batches.sign(use, content)))
            if pause:
                await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for (_, content, _), result in zip(calls, results, strict=True):
            assert isinstance(result, SignerdError) if content == b"bad" else result == b"signed 1"

    asyncio.run(run())
