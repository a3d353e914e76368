"""Streams of the asyncio client: sources, early refusals, cancellation, and what is left behind."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import pytest

from signerd.client import AsyncClient, Backoff, Settings, SignerdError
from signerd.client.chunks import CHUNK
from signerd.client.streaming import AHEAD, answer_of
from signerd.errors import Reason
from tests.unit.client.fake_daemon import FakeDaemon, status_of


@pytest.fixture
async def client(settings: Settings, quick: Backoff) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(settings, backoff=quick) as made:
        yield made


class Chunks:
    """A source of `count` chunks; after `stop` of them nothing comes. `closed` says that it was given up."""

    def __init__(self, count: int, stop: int = -1) -> None:
        self.length = count * CHUNK
        self.count = count
        self.stop = stop
        self.made = 0
        self.closed = False
        self.tasks: set[Any] = set()

    async def read(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(self.count):
                self.tasks.add(asyncio.current_task())
                if number == self.stop:
                    await asyncio.get_running_loop().create_future()
                self.made += 1
                yield bytes(CHUNK)
        finally:
            self.closed = True


class Taker:
    """A call that takes messages in a thread and never ends by itself."""

    def __init__(self, messages: Iterator[bytes]) -> None:
        self.taken = 0
        self.cancelled = False
        self.thread = threading.Thread(target=self.take, args=(messages,), daemon=True)
        self.thread.start()

    def take(self, messages: Iterator[bytes]) -> None:
        for _ in messages:
            self.taken += 1

    def add_done_callback(self, fn: Any, /) -> None:
        """Never called."""

    def cancel(self) -> None:
        self.cancelled = True

    def result(self) -> bytes:
        raise AssertionError("it has not ended")


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110 - what it waits for happens in another thread
        await asyncio.sleep(0.001)


def refused_early(daemon: FakeDaemon, reason: Reason = Reason.KEY_NOT_FOUND) -> None:
    daemon.early = True
    daemon.script["SignStream"].append(status_of(reason, "no such key"))


async def test_files_and_async_iterators(client: AsyncClient, daemon: FakeDaemon) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a" * (CHUNK + 1)
        yield b""
        yield b"b"

    assert (await client.sign_stream("release", io.BytesIO(b"abc"))).signature == b"3 bytes"
    answer = await client.sign_stream("release", chunks(), length=CHUNK + 2)
    assert answer.signature == b"%d bytes" % (CHUNK + 2)
    assert [len(chunk) for chunk in daemon.asked["chunks"]] == [CHUNK, 1, 1]


async def test_a_refusal_while_it_is_sent_gives_the_reason(client: AsyncClient, daemon: FakeDaemon) -> None:
    for _ in range(100):
        refused_early(daemon)
        with pytest.raises(SignerdError) as caught:
            await client.sign_stream("release", [bytes(CHUNK)] * 20, length=20 * CHUNK)
        assert (caught.value.reason, caught.value.message) == (Reason.KEY_NOT_FOUND, "no such key")


async def test_a_refusal_does_not_wait_for_the_source(client: AsyncClient, daemon: FakeDaemon) -> None:
    source = Chunks(9, stop=1)
    refused_early(daemon)
    with pytest.raises(SignerdError, match="no such key"):
        await client.sign_stream("release", source.read(), length=source.length)
    assert source.closed


async def test_a_refusal_at_the_end_gives_the_reason(client: AsyncClient, daemon: FakeDaemon) -> None:
    daemon.script["SignStream"].append(status_of(Reason.REQUEST_TOO_LARGE, "too large"))
    with pytest.raises(SignerdError, match="too large"):
        await client.sign_stream("release", [b"x" * CHUNK] * 3, length=3 * CHUNK)


async def test_a_source_that_fails_is_the_callers_error(
    client: AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise OSError(5, "I/O error")

    with pytest.raises(OSError, match="I/O error"):
        await client.sign_stream("release", broken(), length=1)
    assert (await client.status()).serving
    assert "iterating requests" not in capfd.readouterr().err


async def test_cancellation_leaves_nothing_behind() -> None:
    source = Chunks(9, stop=3)
    takers: list[Taker] = []

    def start(messages: Iterator[bytes]) -> Taker:
        takers.append(Taker(messages))
        return takers[0]

    task = asyncio.create_task(answer_of(start, source.read()))
    await until(lambda: takers and takers[0].taken == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not takers[0].thread.is_alive())
    assert takers[0].cancelled
    assert source.closed


async def test_cancellation_ends_call_and_source(client: AsyncClient, daemon: FakeDaemon) -> None:
    source = Chunks(9, stop=3)
    task = asyncio.create_task(client.sign_stream("release", source.read(), length=source.length))
    await until(lambda: source.made == 3 and daemon.asked["begun"])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed
    assert len(source.tasks) == 1
    await until(lambda: daemon.asked["ended"])


async def test_the_deadline_ends_a_source_that_waits(client: AsyncClient) -> None:
    source = Chunks(9, stop=3)
    with pytest.raises(SignerdError) as caught:
        await client.sign_stream("release", source.read(), length=source.length, timeout=0.2)
    assert caught.value.reason is Reason.DEADLINE
    assert source.closed


async def test_a_daemon_that_does_not_read_holds_the_source_back(
    client: AsyncClient, daemon: FakeDaemon
) -> None:
    daemon.gate.clear()
    daemon.early = True
    source = Chunks(400)
    task = asyncio.create_task(client.sign_stream("release", source.read(), length=source.length))
    await until(lambda: daemon.asked["SignStream"])
    seen = -1
    while source.made > seen:
        seen = source.made
        await asyncio.sleep(0.05)
    assert AHEAD < source.made < 40
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


async def test_closing_ends_streams(settings: Settings, daemon: FakeDaemon) -> None:
    client = AsyncClient(settings)
    source = Chunks(9, stop=3)
    task = asyncio.create_task(client.sign_stream("release", source.read(), length=source.length))
    await until(lambda: source.made == 3)
    await client.close()
    with pytest.raises(SignerdError) as caught:
        await task
    assert caught.value.reason is Reason.DAEMON_UNREACHABLE
    assert source.closed


async def test_streams_side_by_side(client: AsyncClient, daemon: FakeDaemon) -> None:
    sources = [Chunks(count) for count in range(1, 9)]
    answers = await asyncio.gather(
        *(client.sign_stream("release", source.read(), length=source.length) for source in sources)
    )
    assert [answer.signature for answer in answers] == [b"%d bytes" % source.length for source in sources]
