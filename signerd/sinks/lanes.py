"""Senders that block, each in a thread of its own: whatever hangs there, the event loop goes on."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol

from signerd.sinks.base import Entry, Unaccepted


class Blocking(Protocol):
    """A sender that blocks. All methods are called in its thread, one at a time."""

    def send(self, entries: Sequence[Entry], deadline: float) -> None:
        """As Sender.send; `deadline` is a time of time.monotonic."""

    def reopen(self) -> None:
        """As Sender.reopen."""

    def close(self) -> None:
        """As Sender.close."""


class Call(NamedTuple):
    """What a lane is to do, and who waits for it."""

    work: Callable[[], None]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Lane(threading.Thread):
    """Runs one call at a time. One that hangs holds up the lane and nothing else: not even the end of the process."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._inbox: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._busy = False

    async def call(self, work: Callable[[], None]) -> None:
        """Run `work` in the thread; raises what it does, and Unaccepted while a call that was given up still runs."""
        if self._busy:
            raise Unaccepted("a call that was given up still hangs")
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._busy = True
        self._inbox.put(Call(work, loop, done))
        await done

    def stop(self) -> None:
        """End after the call under way."""
        self._inbox.put(None)

    def run(self) -> None:
        """Work until told to stop."""
        while (call := self._inbox.get()) is not None:
            error: BaseException | None = None
            try:
                call.work()
            except BaseException as problem:  # noqa: BLE001  (whoever waits gets it)
                error = problem
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                call.loop.call_soon_threadsafe(self._ended, call.done, error)

    def _ended(self, done: asyncio.Future[None], error: BaseException | None) -> None:
        self._busy = False
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)


class Threaded:
    """A blocking sender as others see it; `seconds` limits one delivery."""

    def __init__(self, name: str, sender: Blocking, seconds: float) -> None:
        self._sender = sender
        self._seconds = seconds
        self._lane = Lane(f"sink-{name}")
        self._lane.start()
        self._reopen = False

    async def send(self, entries: Sequence[Entry]) -> None:
        """Deliver in the thread."""
        deadline = time.monotonic() + self._seconds
        await self._lane.call(partial(self._work, entries, deadline))

    def _work(self, entries: Sequence[Entry], deadline: float) -> None:
        if self._reopen:
            self._reopen = False
            self._sender.reopen()
        self._sender.send(entries, deadline)

    def reopen(self) -> None:
        """Begin anew with the next delivery."""
        self._reopen = True

    async def close(self) -> None:
        """Close in the thread, if it comes to it in time."""
        with suppress(Unaccepted, OSError):
            async with asyncio.timeout(self._seconds):
                await self._lane.call(self._sender.close)
        self._lane.stop()
