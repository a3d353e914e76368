"""The channel between the parent process and a worker: the parent asks for readiness and metrics.

A question is one line, an answer its length in decimal, a newline and the bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

METRICS = b"metrics"
READY = b"ready"
_MAX_ANSWER = 16 << 20
_MAX_LINE = 64


class ChannelBroken(Exception):
    """The other side is gone or did not answer in time."""


async def serve_control(fd: int, exposition: Callable[[], bytes], readiness: Callable[[], str]) -> None:
    """Answer the parent until it is gone; a worker must stop then. `readiness` gives why not, or nothing.

    Takes the descriptor over.
    """
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=fd), limit=_MAX_LINE)
    try:
        while line := await reader.readline():
            answer = exposition() if line.strip() == METRICS else readiness().encode()
            writer.write(b"%d\n%b" % (len(answer), answer))
            await writer.drain()
    except (OSError, ValueError):
        return
    finally:
        writer.close()


class Channel:
    """The parent's side: one question at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._broken = False

    async def ask(self, question: bytes, seconds: float = 2.0) -> bytes:
        """The worker's answer; raises ChannelBroken."""
        try:
            async with asyncio.timeout(seconds), self._lock:
                return await self._ask(question)
        except (TimeoutError, OSError, EOFError, ValueError) as error:
            raise ChannelBroken(str(error) or "no answer in time") from None

    async def _ask(self, question: bytes) -> bytes:
        if self._broken:
            raise ChannelBroken("an answer is missing")
        if self._streams is None:
            self._streams = await asyncio.open_connection(sock=self._end)
        reader, writer = self._streams
        # Cut short, the next answer would be taken for this question's.
        self._broken = True
        writer.write(question + b"\n")
        await writer.drain()
        size = int(await reader.readuntil(b"\n"))
        if size > _MAX_ANSWER:
            raise ValueError("the answer is too long")
        answer = await reader.readexactly(size)
        self._broken = False
        return answer

    async def close(self) -> None:
        """Hang up."""
        if self._streams is None:
            self._end.close()
            return
        self._streams[1].close()
        with contextlib.suppress(OSError):
            await self._streams[1].wait_closed()
