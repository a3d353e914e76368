"""The daemon's end of the socket: order, windows, time limits and lost workers, with a worker played by the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from signerd.providers.pkcs11.channel import WINDOW, Broken, Channel
from signerd.providers.pkcs11.frames import (
    Answer,
    Done,
    Failed,
    Find,
    Kind,
    Request,
    Splitter,
    encode,
    requests,
)

SOON = 0.05
NEVER = 60.0


class Peer:
    """A channel and the other end of its socket."""

    def __init__(self) -> None:
        self.lost: list[Channel] = []
        self._splitter = Splitter()
        self._read: list[Request] = []

    async def connect(self) -> None:
        ours, self._socket = socket.socketpair()
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        _, self.channel = await loop.create_unix_connection(lambda: Channel(self.lost.append), sock=ours)

    async def read(self, number: int) -> list[int]:
        """Numbers of the next requests."""
        while len(self._read) < number:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 1 << 16)
            self._read += [requests.decode(body) for body in self._splitter.feed(data)]
        taken, self._read = self._read[:number], self._read[number:]
        return [one.number for one in taken]

    async def quiet(self) -> bool:
        """Whether no more requests come."""
        try:
            await asyncio.wait_for(self.read(1), SOON)
        except TimeoutError:
            return True
        return False

    def say(self, *given: Answer | bytes) -> None:
        self._socket.send(b"".join(one if isinstance(one, bytes) else encode(one) for one in given))

    def hang_up(self) -> None:
        self._socket.close()

    def ask(self, number: int, seconds: float = NEVER) -> asyncio.Task[Answer]:
        return asyncio.ensure_future(self.channel.ask(Find(number), seconds))


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    await made.connect()
    yield made
    made.channel.close()
    made.hang_up()


async def broken(task: asyncio.Task[Answer]) -> tuple[bool, bool]:
    with pytest.raises(Broken) as caught:
        await asyncio.wait_for(task, 10)
    return caught.value.first, caught.value.timed_out


async def test_answers_find_those_who_asked(peer: Peer) -> None:
    tasks = [peer.ask(number) for number in range(3)]
    assert await peer.read(3) == [0, 1, 2]
    peer.say(Done(0), Failed(1, Kind.MISSING, ""), Done(2))
    assert await asyncio.gather(*tasks) == [Done(0), Failed(1, Kind.MISSING, ""), Done(2)]


async def test_the_worker_gets_a_window_of_requests(peer: Peer) -> None:
    tasks = [peer.ask(number) for number in range(WINDOW + 2)]
    assert await peer.read(WINDOW) == list(range(WINDOW))
    assert await peer.quiet()
    peer.say(Done(0), Done(1))
    assert await peer.read(2) == [WINDOW, WINDOW + 1]
    for task in tasks:
        task.cancel()


async def test_requests_nobody_waits_for_are_not_put(peer: Peer) -> None:
    tasks = [peer.ask(number) for number in range(WINDOW + 3)]
    await peer.read(WINDOW)
    tasks[WINDOW].cancel()
    tasks[0].cancel()
    await asyncio.wait([tasks[0], tasks[WINDOW]])
    peer.say(Done(0), Done(1), Done(2))
    assert await peer.read(2) == [WINDOW + 1, WINDOW + 2]
    assert await tasks[1] == Done(1)


async def test_a_worker_that_hangs_up_fails_all(peer: Peer) -> None:
    tasks = [peer.ask(number) for number in range(WINDOW + 1)]
    await peer.read(1)
    peer.hang_up()
    assert await broken(tasks[0]) == (True, False)
    assert await broken(tasks[1]) == (False, False)
    assert await broken(tasks[WINDOW]) == (False, False)
    assert peer.lost == [peer.channel]
    assert await broken(peer.ask(99)) == (False, False)


async def test_a_worker_that_does_not_answer_is_given_up(peer: Peer) -> None:
    tasks = [peer.ask(0, SOON), peer.ask(1, SOON)]
    assert await broken(tasks[0]) == (True, True)
    assert await broken(tasks[1]) == (False, False)
    assert peer.channel.frozen
    assert peer.lost == [peer.channel]


async def test_a_shorter_limit_counts_after_a_longer_one(peer: Peer) -> None:
    first = peer.ask(0, NEVER)
    await peer.read(1)
    peer.say(Done(0))
    await first
    assert await broken(peer.ask(1, SOON)) == (True, True)


async def test_the_time_of_a_request_begins_when_it_is_its_turn(peer: Peer) -> None:
    tasks = [peer.ask(0, NEVER), peer.ask(1, 4 * SOON)]
    await peer.read(2)
    await asyncio.sleep(6 * SOON)
    peer.say(Done(0))
    await tasks[0]
    peer.say(Done(1))
    assert await tasks[1] == Done(1)


@pytest.mark.parametrize("garbage", [encode(Done(7)), b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", b"\0\0\0\1\x05"])
async def test_garbage_ends_the_worker(peer: Peer, garbage: bytes) -> None:
    task = peer.ask(0)
    await peer.read(1)
    peer.say(garbage)
    assert await broken(task) == (True, False)
    assert peer.lost == [peer.channel]


async def test_answers_nobody_asked_for_end_the_worker(peer: Peer) -> None:
    peer.say(Done(0))
    await peer.channel.lost.wait()


async def test_a_worker_whose_token_failed_gets_no_more_requests(peer: Peer) -> None:
    tasks = [peer.ask(0), peer.ask(1)]
    await peer.read(2)
    peer.say(Failed(0, Kind.UNAVAILABLE, "DeviceRemoved"))
    assert await tasks[0] == Failed(0, Kind.UNAVAILABLE, "DeviceRemoved")
    assert peer.lost == [peer.channel]
    assert await broken(tasks[1]) == (True, False)
