"""The watch lists, follows and starts anew; differences are told once, and nothing ends it but its owner."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers.k8s_secret import watch as k8s_secret_watch
from signerd.providers.k8s_secret.calls import ExpiredError
from signerd.providers.k8s_secret.layout import Seen
from signerd.providers.k8s_secret.watch import SecretWatch

A1, A2, B1 = Seen("a", "u1", "1"), Seen("a", "u1", "2"), Seen("b", "u2", "3")
SAME = Seen("c", "u3", "4")
DOWN = SignerdError(Reason.PROVIDER_UNAVAILABLE, "no answer")
GONE = Seen("a", "u1", "9", gone=True)


class Stop(Exception):
    """The script is at its end."""


class FakeStream:
    """What a watch gives: events, errors to raise, or `None` to wait until it is closed."""

    def __init__(self, events: list[Any]) -> None:
        self.events = events
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        for event in self.events:
            if event is None:
                self.closed.wait(60)
                return
            if isinstance(event, Exception):
                raise event
            yield event

    def close(self) -> None:
        self.closed.set()


class FakeSecrets:
    """Lists and watches in turn."""

    namespace = "keys"

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self.lists, self.watches = lists, watches
        self.from_versions: list[str] = []
        self.streams: list[FakeStream] = []

    def seen(self) -> tuple[dict[str, Seen], str]:
        return self._next(self.lists)  # type: ignore[no-any-return]

    def watch(self, version: str, seconds: int, silence: float) -> FakeStream:
        self.from_versions.append(version)
        self.streams.append(FakeStream(self._next(self.watches)))
        return self.streams[-1]

    def events(self, stream: FakeStream) -> Iterator[Any]:
        return iter(stream)

    def _next(self, answers: list[Any]) -> Any:
        answer = answers.pop(0) if answers else Stop()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Told:
    """Keeps what it is told; fails first where it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.told: list[Seen] = []
        self.failures = failures

    async def noticed(self, seen: Seen) -> None:
        if self.failures:
            self.failures -= 1
            raise DOWN
        self.told.append(seen)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses take no time; they are counted."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", pause)
    return pauses


def listed(*seen: Seen, version: str = "10") -> tuple[dict[str, Seen], str]:
    return {one.name: one for one in seen}, version


async def run(secrets: FakeSecrets, listener: Told, done: Callable[[SecretWatch], bool]) -> SecretWatch:
    """Run the watch until it is so."""

    async def in_thread(function: Any) -> Any:
        return await asyncio.to_thread(function)

    watch = SecretWatch(secrets, in_thread, listener, uniform=lambda low, high: high)  # type: ignore[arg-type]
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(20):
            while not done(watch):  # noqa: ASYNC110 - nothing tells when
                await asyncio.sleep(0.001)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return watch


async def test_lists_then_follows() -> None:
    secrets = FakeSecrets([listed(A1)], [[B1, A2, GONE, None]])
    told = Told()
    watch = await run(secrets, told, lambda watch: len(told.told) == 4)
    assert told.told == [A1, B1, A2, GONE]
    assert secrets.from_versions == ["10"]
    assert watch.health.healthy
    assert secrets.streams[0].closed.is_set()


async def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    secrets = FakeSecrets([listed(A1)], [[B1], ["12"], [None]])
    told = Told()
    await run(secrets, told, lambda watch: len(secrets.from_versions) == 3)
    assert secrets.from_versions == ["10", "3", "12"]
    assert told.told == [A1, B1]


@pytest.mark.parametrize("expired", [ExpiredError(), [ExpiredError()]], ids=["when opened", "while open"])
async def test_after_410_it_lists_and_tells_what_differs(expired: Any) -> None:
    lists = [listed(A1, B1, SAME), listed(SAME, A2, version="20")]
    secrets = FakeSecrets(lists, [expired, [None]])
    told = Told()
    await run(secrets, told, lambda watch: len(secrets.from_versions) == 2)
    assert told.told == [A1, B1, SAME, Seen("b", "", "", gone=True), A2]
    assert secrets.from_versions == ["10", "20"]


async def test_a_failure_makes_it_unhealthy_until_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    secrets = FakeSecrets([DOWN, DOWN], [])
    told = Told()
    watch = await run(secrets, told, lambda watch: not secrets.lists)
    assert not watch.health.healthy
    secrets.lists, secrets.watches = [DOWN, listed(A1)], [[None]]
    watch = await run(secrets, told, lambda watch: watch.health.healthy)
    assert told.told == [A1]
    assert "no answer" in caplog.text


async def test_pauses_grow_and_begin_again(slept: list[float]) -> None:
    secrets = FakeSecrets([DOWN] * 12 + [listed(A1)], [DOWN, [None]])
    await run(secrets, Told(), lambda watch: len(secrets.from_versions) == 2)
    pauses = [pause for pause in slept if pause >= 0.25]
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 16, *[30.0] * 5, 0.25]


async def test_an_open_watch_is_healthy_though_nothing_happens() -> None:
    secrets = FakeSecrets([listed(A1)], [DOWN, [None]])
    watch = await run(secrets, Told(), lambda watch: len(secrets.from_versions) == 2 and watch.health.healthy)
    assert watch.health.healthy


async def test_a_cut_watch_goes_on_without_a_new_list() -> None:
    secrets = FakeSecrets([listed(A1)], [["11", DOWN], [None]])
    await run(secrets, Told(), lambda watch: len(secrets.from_versions) == 2)
    assert secrets.from_versions == ["10", "11"]


@pytest.mark.parametrize("where", ["list", "event"])
async def test_what_could_not_be_dealt_with_is_told_again(where: str) -> None:
    told = Told(failures=1)
    lists = [listed(A1), listed(A1)] if where == "list" else [listed(), listed(A1)]
    secrets = FakeSecrets(lists, [[None]] if where == "list" else [[A1, None], [None]])
    await run(secrets, told, lambda watch: told.told == [A1] and watch.health.healthy)


async def test_anything_may_be_raised() -> None:
    secrets = FakeSecrets([ValueError("defect"), listed(A1)], [[KeyError("x")], [None]])
    told = Told()
    watch = await run(secrets, told, lambda watch: len(secrets.from_versions) == 2)
    assert told.told == [A1]
    assert "defect" not in watch.health.detail


async def test_silence_counts_as_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(k8s_secret_watch, "SILENCE", 0.01)
    secrets = FakeSecrets([listed(A1)], [[None], [None]])
    await run(secrets, Told(), lambda watch: len(secrets.from_versions) == 2)
    assert secrets.streams[0].closed.is_set()


async def test_a_watch_closed_while_it_is_opened_is_not_read() -> None:
    opening, go = threading.Event(), threading.Event()

    class Slow(FakeSecrets):
        def watch(self, version: str, seconds: int, silence: float) -> FakeStream:
            opening.set()
            go.wait(10)
            return super().watch(version, seconds, silence)

    secrets = Slow([listed(A1)], [[None]])
    await run(secrets, Told(), lambda watch: opening.is_set())
    go.set()
    while not secrets.streams:  # noqa: ASYNC110 - nothing tells when
        await asyncio.sleep(0)
    assert await asyncio.to_thread(secrets.streams[0].closed.wait, 10)
