"""The mirror of one shard: everything that a checkpoint covers is copied, then the checkpoint."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from signerd.mirrors.faults import MirrorFault
from signerd.mirrors.paths import WIDTH, files_between, is_full
from signerd.mirrors.targets import Target

CHECKPOINT: Final = "checkpoint"
MINIMUM_INDEX: Final = "minimum-index"
T = TypeVar("T")


class Mirror:
    """Copies of the log in `directory`; `size` is how far they go, `problem` why not further.

    Each operation has `seconds`: a thread that hangs longer is left alone, and until it ends nothing else is begun.
    """

    def __init__(self, target: Target, directory: Path, seconds: float) -> None:
        self.size = 0
        self.problem = "nothing was copied yet"
        self._target = target
        self._directory = directory
        self._seconds = seconds
        self._busy = False
        self._stopping = False

    async def latest(self) -> bytes | None:
        """The note of the mirror's checkpoint, None without; raises MirrorFault."""
        return await self._run(lambda: self._target.read(CHECKPOINT))

    async def copy(self, size: int, note: bytes) -> None:
        """Copy what a checkpoint covers, then the checkpoint. `size` of the mirror grows; raises MirrorFault.

        Full tiles that were copied stay copied when the time is over: the next call goes on from there.
        """
        try:
            await self._run(lambda: self._copy(size, note))
        except MirrorFault as fault:
            self.problem = str(fault)
            raise
        self.problem = ""

    def start_from(self, size: int) -> None:
        """The mirror has everything up to this size."""
        self.size = size

    def close(self) -> None:
        """End after the file in hand; does not wait for it."""
        self._stopping = True
        self._target.close()

    def _copy(self, size: int, note: bytes) -> None:
        # Partial ones first: the log removes them when it has grown.
        for path in sorted(files_between(max(self.size, self._pruned()), size), key=is_full):
            if self._stopping:
                raise MirrorFault("the daemon is stopping")
            self._target.write(path, self._source(path))
        self._target.write(CHECKPOINT, note)
        self.size = size

    def _pruned(self) -> int:
        """Up to where full tiles and bundles are gone (tlog-tiles, Pruning); a mirror had them before."""
        try:
            minimum = int((self._directory / MINIMUM_INDEX).read_bytes())
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise MirrorFault(f"{MINIMUM_INDEX} can't be read: {error}") from None
        return minimum - minimum % WIDTH

    def _source(self, path: str) -> bytes:
        try:
            return (self._directory / path).read_bytes()
        except OSError as error:
            raise MirrorFault(f"{path} can't be read: {error.strerror}") from None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._busy:
            raise MirrorFault("still busy with what took too long")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                tell = partial(_settle, done, work())
            except Exception as error:  # noqa: BLE001 - handed to who waits
                tell = partial(_fail, done, error)
            self._busy = False
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(tell)

        # Not an executor's: a mount that hangs must not hold up the end of the process.
        self._busy = True
        threading.Thread(target=run, name="audit-mirror", daemon=True).start()
        try:
            async with asyncio.timeout(self._seconds):
                return await done
        except TimeoutError:
            raise MirrorFault(f"took longer than {self._seconds:g} s") from None


def _settle(done: asyncio.Future[T], result: T) -> None:
    if not done.done():
        done.set_result(result)


def _fail(done: asyncio.Future[T], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
