"""The thread that writes tiles and checkpoints behind the log. It may fail or hang: signing goes on without it."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Final, NamedTuple, Protocol

from signerd.audit.growth import Slab
from signerd.audit.tile_store import TileStore
from signerd.errors import Reason, SignerdError

logger = logging.getLogger(__name__)
BACKLOG: Final = 4 << 20
"""Bytes of bundles that wait for the thread; what comes then is read from the write-ahead file later."""
PAUSE: Final = 1.0
"""Seconds after a failure before a bundle is tried again."""
TRIM_EVERY: Final = 64
"""Bundles after which the write-ahead file is trimmed also without a checkpoint."""


class Watcher(Protocol):
    """Whom the tiler tells, on the event loop."""

    def tiles_failed(self, problem: str) -> None:
        """Tiles can't be written; it is tried again with the next bundle or order."""

    def tiles_written(self) -> None:
        """After a failure: they are written again."""


class Order(NamedTuple):
    """Something to do with the store once, and who waits for it."""

    run: Callable[[TileStore], None]
    done: asyncio.Future[None]


class Tiler(threading.Thread):
    """Does what it is given in that order. A bundle that can't be written is left: a later one makes up for it."""

    def __init__(self, store: TileStore, watcher: Watcher, shard: str) -> None:
        super().__init__(name=f"tiles-{shard}", daemon=True)
        self._inbox: queue.SimpleQueue[Slab | Order | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._watcher = watcher
        self._backlog = 0
        self._error: OSError | SignerdError | None = None
        self._again = 0.0
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def put(self, slab: Slab) -> None:
        """Hand over a bundle, unless too much waits already. Called on the event loop."""
        if self._backlog < BACKLOG:
            self._backlog += len(slab.bundle)
            self._inbox.put(slab)

    def order(self, run: Callable[[TileStore], None]) -> asyncio.Future[None]:
        """Have something done behind all that was handed over; the future raises OSError or SignerdError."""
        done = self._loop.create_future()
        self._inbox.put(Order(run, done))
        return done

    def stop(self) -> None:
        """End after what was handed over."""
        self._inbox.put(None)

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while (job := self._inbox.get()) is not None:
                if isinstance(job, Order):
                    error = self._try(job.run)
                    self._tell(finish, job.done, error)
                    due = True
                else:
                    error = self._put(job)
                    self._tell(self._written, len(job.bundle))
                    due = job.tile.number % TRIM_EVERY == 0
                self._judge(error or (self._try(TileStore.trim) if due else None))
        finally:
            self._tell(finish, self.ended, None)

    def _put(self, slab: Slab) -> OSError | SignerdError | None:
        if self._error is not None and monotonic() < self._again:
            return self._error  # to look for what is missing takes time, each time
        return self._try(partial(TileStore.put, slab=slab))

    def _try(self, run: Callable[[TileStore], None]) -> OSError | SignerdError | None:
        try:
            run(self._store)
        except (OSError, SignerdError) as error:
            return error
        except Exception:
            logger.exception("tiles can't be made")
            return SignerdError(Reason.INTERNAL)
        return None

    def _judge(self, error: OSError | SignerdError | None) -> None:
        if error is not None and self._error is None:
            self._tell(self._watcher.tiles_failed, reason(error))
        elif error is None and self._error is not None:
            self._tell(self._watcher.tiles_written)
        if error is not self._error:
            self._error, self._again = error, monotonic() + PAUSE

    def _written(self, length: int) -> None:
        self._backlog -= length

    def _tell(self, told: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens
            self._loop.call_soon_threadsafe(told, *arguments)


def reason(error: OSError | SignerdError) -> str:
    """What an error says."""
    return error.message if isinstance(error, SignerdError) else error.strerror or str(error)


def finish(done: asyncio.Future[None], error: Exception | None) -> None:
    """End a wait, if nobody has."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
