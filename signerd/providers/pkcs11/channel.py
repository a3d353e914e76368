"""The daemon's end of the socket to a PKCS#11 worker: requests in a row, answers in their order, a watch on both."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import cast

import msgspec

from signerd.providers.pkcs11.frames import Answer, Failed, Frame, Kind, Splitter, answers, encode

WINDOW = 64
"""Requests that the worker is given at once: enough to be always busy, few enough that those given up are dropped."""
_GRACE = 0.05
_numbers = count(1)


class Broken(Exception):
    """The worker is gone, or was given up.

    `first`: this request was the one it had at hand, so it may be the cause; `timed_out`: it took too long.
    """

    def __init__(self, *, first: bool = False, timed_out: bool = False) -> None:
        super().__init__()
        self.first = first
        self.timed_out = timed_out


def next_number() -> int:
    """The number for a request."""
    return next(_numbers)


@dataclass(slots=True, eq=False)
class _Asked:
    request: Frame
    seconds: float
    answer: asyncio.Future[Answer]


class Channel(asyncio.Protocol):
    """One worker's socket. Each request may take `seconds` from when the worker could begin with it."""

    def __init__(self, on_lost: Callable[[Channel], None]) -> None:
        self._on_lost = on_lost
        self.lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._splitter = Splitter()
        self._waiting: deque[_Asked] = deque()
        self._given: deque[_Asked] = deque()
        self._begun = self._suspected = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._writing = False
        self.frozen = False
        self.answered = 0

    async def ask(self, request: Frame, seconds: float) -> Answer:
        """Put a request; raises Broken."""
        if self._transport is None:
            raise Broken
        asked = _Asked(request, seconds, self._loop.create_future())
        self._waiting.append(asked)
        self._write_soon()
        return await asked.answer

    def close(self) -> None:
        """Hang up: the worker ends."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio.Protocol: nothing that was asked will be answered."""
        self._end()
        if self._watch is not None:
            self._watch.cancel()
        first = self._given[0] if self._given else None
        for asked in (*self._given, *self._waiting):
            if not asked.answer.done():
                asked.answer.set_exception(
                    Broken(first=asked is first, timed_out=self.frozen and asked is first)
                )
        self._given.clear()
        self._waiting.clear()

    def _end(self) -> None:
        """Take no more requests."""
        self._transport = None
        if not self.lost.is_set():
            self.lost.set()
            self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """asyncio.Protocol: answers come in the order of the requests."""
        try:
            for body in self._splitter.feed(data):
                self._take(answers.decode(body))
        except (ValueError, IndexError, msgspec.DecodeError):
            self._abort()
            return
        self._begun = self._loop.time()
        self._watch_first()
        self._write_soon()

    def _take(self, answer: Answer) -> None:
        asked = self._given.popleft()
        if answer.number != asked.request.number:
            self._given.appendleft(asked)
            raise ValueError("an answer out of order")
        self.answered += 1
        if not asked.answer.done():
            asked.answer.set_result(answer)
        if isinstance(answer, Failed) and answer.kind is Kind.UNAVAILABLE:
            self._abort()  # it ends itself

    def _write_soon(self) -> None:
        if self._waiting and not self._writing and len(self._given) < WINDOW:
            self._writing = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        """Give the worker what there is room for; what nobody waits for any more is dropped here."""
        self._writing = False
        if self._transport is None:
            return
        if not self._given:
            self._begun = self._loop.time()
        frames = bytearray()
        while self._waiting and len(self._given) < WINDOW:
            asked = self._waiting.popleft()
            if not asked.answer.done():
                self._given.append(asked)
                frames += encode(asked.request)
        if frames:
            self._transport.write(bytes(frames))
            self._watch_first()

    def _watch_first(self) -> None:
        """See to it that somebody looks when the time of the first request is over, or earlier."""
        if not self._given:
            return
        due = self._begun + self._given[0].seconds
        if self._watch is not None:
            if self._due <= due:
                return
            self._watch.cancel()
        self._due = due
        self._watch = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        """Give the worker up if it has been at one request for too long."""
        self._watch = None
        if not self._given:
            return
        if self._loop.time() < self._begun + self._given[0].seconds:
            self._watch_first()
        elif self._suspected != self._begun:
            # The answer may lie in the socket, if the loop itself was kept from looking.
            self._suspected = self._begun
            self._due = self._loop.time() + _GRACE
            self._watch = self._loop.call_at(self._due, self._look)
        else:
            self.frozen = True
            self._abort()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._end()
