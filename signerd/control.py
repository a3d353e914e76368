"""The channel between the parent process and a worker: readiness and metrics are asked for, the number of workers told.

A question is a line `NUMBER WHAT`, an answer a line `NUMBER LENGTH` and so many bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

METRICS = b"metrics"
READY = b"ready"
WORKERS = b"workers "
"""With a number: so many workers live."""
_MAX_ANSWER = 16 << 20
_MAX_LINE = 64


class ChannelBroken(Exception):
    """The other side is gone or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What answers the parent. `readiness` gives why not, or nothing; `share` is told how many workers live."""

    exposition: Callable[[], bytes]
    readiness: Callable[[], str]
    share: Callable[[int], None]

    def to(self, question: bytes) -> bytes:
        """The answer; raises ValueError for a number that is none."""
        if question.startswith(WORKERS):
            self.share(int(question.removeprefix(WORKERS)))
            return b""
        return self.exposition() if question == METRICS else self.readiness().encode()


async def serve_control(fd: int, answers: Answers) -> None:
    """Answer the parent until it is gone; a worker must stop then. Takes the descriptor over."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=fd), limit=_MAX_LINE)
    try:
        while line := await reader.readline():
            number, _, what = line.strip().partition(b" ")
            answer = answers.to(what)
            writer.write(b"%b %d\n%b" % (number, len(answer), answer))
            await writer.drain()
    except (OSError, ValueError):
        return
    finally:
        writer.close()


class Channel:
    """The parent's side. A question that is given up leaves the channel as it was: its answer is dropped."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._number = 0
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def ask(self, question: bytes, seconds: float = 2.0) -> bytes:
        """The worker's answer; raises ChannelBroken."""
        self._number += 1
        number = self._number
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(seconds):
                writer = await self._opened()
                writer.write(b"%d %b\n" % (number, question))
                await writer.drain()
                return await answer
        except (TimeoutError, OSError) as error:
            raise ChannelBroken(str(error) or "no answer in time") from None
        finally:
            del self._waiting[number]

    async def _opened(self) -> asyncio.StreamWriter:
        # A second transport would go on to write to the descriptor's number when it belongs to somebody else.
        async with self._opening:
            if self._writer is None:
                reader, self._writer = await asyncio.open_connection(sock=self._end)
                self._reading = asyncio.create_task(self._read(reader), name="channel")
        if self._reading is not None and self._reading.done():
            raise ChannelBroken("the worker has hung up")
        return self._writer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Hand answers to those who wait, until the worker is gone or makes no sense."""
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            while True:
                number, size = map(int, (await reader.readuntil(b"\n")).split())
                if size > _MAX_ANSWER:
                    break
                answer = await reader.readexactly(size)
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ChannelBroken("the worker has hung up"))

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is None:
            self._end.close()
            return
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
