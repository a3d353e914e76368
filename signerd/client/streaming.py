"""Streams of the asyncio client: gRPC takes the messages in a thread of its own, the event loop makes them.

The asyncio side of gRPC loses the daemon's status where it comes while a message is being written; the blocking side
keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

AHEAD = 2  # messages that are made before gRPC has taken them

Message = TypeVar("Message")


class Call(Protocol):
    """A call under way, as `grpc.Future`."""

    def add_done_callback(self, fn: Callable[[Any], None], /) -> None:
        """Call `fn` in another thread once the call has ended."""

    def cancel(self) -> object:
        """End the call; nothing to one that has ended."""

    def result(self) -> Any:
        """The answer, or grpc.RpcError."""


async def answer_of(
    start: Callable[[Iterator[Message]], Call], requests: AsyncGenerator[Message, None]
) -> Any:
    """Answer of the call that `start` makes of the messages; what the messages raise ends the call and is raised.

    However it ends, cancelled too, nothing is left behind: call and messages are closed.
    """
    feed: Feed[Message] = Feed(asyncio.get_running_loop())
    call = start(feed)
    answered = feed.follow(call)
    filling = asyncio.create_task(feed.fill(requests))
    try:
        await asyncio.wait({answered, filling}, return_when=asyncio.FIRST_COMPLETED)
        if filling.done():
            filling.result()
        await answered
        return call.result()
    finally:
        call.cancel()
        feed.end()
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)


class Feed(Generic[Message]):
    """An iterator for gRPC's thread, filled by the event loop, with at most AHEAD messages in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._room = asyncio.Semaphore(AHEAD)
        self._messages: SimpleQueue[Message | None] = SimpleQueue()

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        message = self._messages.get()
        if message is None:
            raise StopIteration
        self._in_loop(self._room.release)
        return message

    async def fill(self, messages: AsyncGenerator[Message, None]) -> None:
        """Take all messages, then close them: in one task, as sources with timeouts or task groups need it."""
        async with aclosing(messages):
            async for message in messages:
                await self._room.acquire()
                self._messages.put(message)
        self.end()

    def end(self) -> None:
        """No more messages; gRPC's thread must not wait for any."""
        self._messages.put(None)

    def follow(self, call: Call) -> asyncio.Future[None]:
        """Done once the call has ended."""
        ended: asyncio.Future[None] = self._loop.create_future()
        call.add_done_callback(lambda _: self._in_loop(partial(_finish, ended)))
        return ended

    def _in_loop(self, call: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # a loop that was closed meanwhile waits for nothing
            self._loop.call_soon_threadsafe(call)


def _finish(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
