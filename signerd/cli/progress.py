"""A progress bar for uploads that take a while."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 2.0


class Counted:
    """Reads a file and shows how far it is, on a terminal and after some seconds only."""

    def __init__(self, stream: BinaryIO, length: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._length = length
        self._clock = clock
        self._shows_at = clock() + PATIENCE if sys.stderr.isatty() else float("inf")
        self._done = 0
        self._bar: Progress | None = None

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        data = self._stream.read(size)
        self._done += len(data)
        if self._clock() >= self._shows_at:
            self._show()
        return data

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def _show(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

            console = Console(stderr=True)
            self._bar = Progress(
                BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console, transient=True
            )
            self._bar.add_task("", total=self._length)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=self._done)


@contextmanager
def progress(stream: BinaryIO, length: int) -> Iterator[Counted]:
    """The file, counted while it is read."""
    counted = Counted(stream, length)
    try:
        yield counted
    finally:
        counted.close()
