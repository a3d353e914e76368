"""The watch of a namespace's Secrets: metadata alone, so that nobody else's data travel. It goes on for ever."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from threading import Thread
from typing import Protocol

from signerd.connections.kubernetes import Stream
from signerd.errors import SignerdError
from signerd.providers.base import Health
from signerd.providers.k8s_secret.calls import ExpiredError, Secrets
from signerd.providers.k8s_secret.layout import Seen

SILENCE = 150.0
"""Seconds without an event after which a watch counts as dead: by then the server has ended it."""
_LONGEST = 120  # seconds after which the server ends a watch, at the latest; a server without news sends no bookmarks
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_BETWEEN = 0.1  # seconds between one watch and the next

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who is told: `noticed` is awaited; what it raises makes the watch start anew and tell again."""

    async def noticed(self, seen: Seen) -> None:
        """A Secret is there in this state, or gone."""


class SecretWatch:
    """Lists, then watches from there; told are differences only. After a failure it waits, longer each time."""

    def __init__(
        self,
        secrets: Secrets,
        run: Callable[[Callable[[], tuple[dict[str, Seen], str]]], Awaitable[tuple[dict[str, Seen], str]]],
        listener: Listener,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._secrets = secrets
        self._run = run
        self._listener = listener
        self._uniform = uniform
        self._known: dict[str, Seen] = {}
        self._version = ""
        self._failures = 0
        self.health = Health(healthy=False, detail="the Secrets have not been listed yet")

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._follow()
                await asyncio.sleep(self._uniform(_BETWEEN, 2 * _BETWEEN))
            except ExpiredError:
                self._version = ""
                await self._pause(1)
            except Exception as error:  # noqa: BLE001 - whatever it is, the watch must not end
                self._failed(error)
                await self._pause(self._failures)

    async def _pause(self, failures: int) -> None:
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10))
        await asyncio.sleep(self._uniform(longest / 2, longest))

    async def _list(self) -> None:
        found, version = await self._run(self._secrets.seen)
        for name in self._known.keys() - found.keys():
            await self._tell(Seen(name, "", "", gone=True))
        for seen in found.values():
            await self._tell(seen)
        self._version = version
        self._succeeded()

    async def _follow(self) -> None:
        async with aclosing(self._events()) as events:
            async for event in events:
                if isinstance(event, Seen):
                    await self._tell(event)
                self._version = event.version if isinstance(event, Seen) else event
                self._succeeded()

    async def _tell(self, seen: Seen) -> None:
        if self._known.get(seen.name) == seen:
            return
        try:
            await self._listener.noticed(seen)
        except BaseException:
            self._version = ""  # the next list tells it again
            raise
        if seen.gone:
            self._known.pop(seen.name, None)
        else:
            self._known[seen.name] = seen

    async def _events(self) -> AsyncGenerator[Seen | str]:
        """Events from a thread of their own, which may wait for minutes; it is woken when nobody listens."""
        loop, events = asyncio.get_running_loop(), asyncio.Queue[Seen | str | Exception | None]()
        reader = _Reader(self._secrets, self._version, loop, events)
        Thread(target=reader.read, name="secrets", daemon=True).start()
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    event = await events.get()
                if event is None:
                    return
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            reader.close()

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        said = error.message if isinstance(error, SignerdError) else type(error).__name__
        if self.health.healthy or self._failures == 1:
            _log.warning("watch of the Secrets of %s: %s", self._secrets.namespace, said)
        self.health = Health(healthy=False, detail=f"Secrets are not watched: {said}")

    def _succeeded(self) -> None:
        if self._failures:
            _log.info("watch of the Secrets of %s goes on", self._secrets.namespace)
        self._failures = 0
        self.health = Health(healthy=True)


class _Reader:
    """Reads one watch in a thread and hands on what it reads; None at its end."""

    def __init__(
        self,
        secrets: Secrets,
        version: str,
        loop: asyncio.AbstractEventLoop,
        events: asyncio.Queue[Seen | str | Exception | None],
    ) -> None:
        self._secrets = secrets
        self._version = version
        self._loop = loop
        self._events = events
        self._stream: Stream | None = None
        self._closed = False

    def read(self) -> None:
        """Read to the end; nothing is raised here."""
        try:
            seconds = random.randint(_LONGEST // 2, _LONGEST)  # noqa: S311 - spreads load, no secret
            self._stream = self._secrets.watch(self._version, seconds, SILENCE)
            if not self._closed:  # while it was being opened
                self._hand_on(self._version)  # that it is open is news
                for event in self._secrets.events(self._stream):
                    self._hand_on(event)
            self._hand_on(None)
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            self._hand_on(error)
        finally:
            if self._closed:
                self.close()

    def close(self) -> None:
        """Wake the thread, from outside."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def _hand_on(self, event: Seen | str | Exception | None) -> None:
        if not self._closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
