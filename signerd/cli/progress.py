"""Progress bars for what takes a while: on a terminal, and after some seconds only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

PATIENCE = 2.0
Columns = Callable[[], "list[ProgressColumn]"]


class Bar:
    """A bar on stderr that comes when the work has taken longer than people like to wait."""

    def __init__(self, total: int, columns: Columns, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._columns = columns
        self._clock = clock
        self._shows_at = clock() + PATIENCE if sys.stderr.isatty() else float("inf")
        self._done = 0
        self._bar: Progress | None = None

    def advance(self, count: int) -> None:
        """So much more is done."""
        self._done += count
        if self._clock() >= self._shows_at:
            self._show()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def _show(self) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(*self._columns(), console=Console(stderr=True), transient=True)
            self._bar.add_task("", total=self._total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=self._done)


class Counted:
    """Reads a file and shows how far it is."""

    def __init__(self, stream: BinaryIO, length: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._bar = Bar(length, _bytes, clock)

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        data = self._stream.read(size)
        self._bar.advance(len(data))
        return data

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


@contextmanager
def progress(stream: BinaryIO, length: int) -> Iterator[Counted]:
    """The file, counted while it is read."""
    counted = Counted(stream, length)
    try:
        yield counted
    finally:
        counted.close()


@contextmanager
def counting(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Gives what is to be told how many more are done."""
    bar = Bar(total, lambda: _items(what))
    try:
        yield bar.advance
    finally:
        bar.close()


def _bytes() -> list[ProgressColumn]:
    from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn

    return [BarColumn(), DownloadColumn(), TransferSpeedColumn()]


def _items(what: str) -> list[ProgressColumn]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    return [BarColumn(), MofNCompleteColumn(), TextColumn(what)]
