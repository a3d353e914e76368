"""The thread that makes groups durable, and that finds a way on after a failure."""

from __future__ import annotations

import asyncio
import errno
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from signerd.audit.disk import Disk
from signerd.audit.groups import Group
from signerd.audit.reserve import Reserve
from signerd.audit.segments import WAL, Header, Segment, create


class Outcome(Protocol):
    """Whom the writer tells, on the event loop."""

    def written(self, group: Group) -> None:
        """The group is durable."""

    def failed(self, error: OSError) -> None:
        """The group is not durable, and nothing can be written."""

    def repaired(self) -> None:
        """Groups can be written again, in a new segment."""

    def space_changed(self, problem: str) -> None:
        """There is too little space for requests, or enough again: then the text is empty."""

    def stopped(self) -> None:
        """The thread has closed its file and ends: told to, or by a defect."""


@dataclass(slots=True)
class Place:
    """Where a log stands: its open segment, the last durable record and the highest state revision in it."""

    directory: Path
    instance: str
    shard: str
    segment: Segment
    sequence: int
    revision: int
    identity: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.identity = _identity(self.directory / WAL)

    def mend(self, disk: Disk) -> None:
        """After a failure: leave the segment as it was and go on in a new one. Raises OSError while that can't be."""
        if _identity(self.directory / WAL) != self.identity:
            raise OSError(errno.ESTALE, "the log's directory was replaced; put it back")
        self.segment.give_up()
        self.next_segment(disk)

    def next_segment(self, disk: Disk) -> None:
        """Go on in a new segment. Raises OSError; then nothing has changed."""
        end = self.segment.end
        header = Header(
            first_sequence=self.sequence + 1,
            instance=self.instance,
            number=end.number + 1,
            previous_length=end.length,
            revision=self.revision,
            shard=self.shard,
        )
        done, self.segment = self.segment, create(self.directory, header, disk)
        with suppress(OSError):  # it is synced: closing it can lose nothing
            done.close()


class Writer(threading.Thread):
    """Writes one group after the other. After a failure it never writes to that segment again but opens a new one."""

    def __init__(
        self,
        place: Place,
        outcome: Outcome,
        *,
        disk: Disk,
        segment_bytes: int,
        probe: float,
        reserve: Reserve,
    ) -> None:
        super().__init__(name=f"audit-{place.shard}", daemon=True)
        self._inbox: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._place = place
        self._outcome = outcome
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._probe = probe
        self._reserve = reserve

    def write(self, group: Group) -> None:
        """Hand over a group; the one before must have been answered."""
        self._inbox.put(group)

    def stop(self) -> None:
        """End after the group in hand."""
        self._inbox.put(None)

    def run(self) -> None:
        """Write until told to stop."""
        try:
            self._tell_space(self._reserve.look())
            while self._step():
                pass
        finally:
            with suppress(OSError):
                self._place.segment.close()
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._outcome.stopped)

    def _step(self) -> bool:
        try:
            group = self._inbox.get(timeout=self._probe if self._reserve.problem else None)
        except queue.Empty:
            self._tell_space(self._reserve.look())
            return True
        if group is None:
            return False
        try:
            self._append(group)
        except OSError as error:
            self._loop.call_soon_threadsafe(self._outcome.failed, error)
            return self._repair()
        self._loop.call_soon_threadsafe(self._outcome.written, group)
        self._tell_space(self._reserve.wrote(len(group.data)))
        return True

    def _tell_space(self, changed: bool) -> None:
        if changed:
            self._loop.call_soon_threadsafe(self._outcome.space_changed, self._reserve.problem)

    def _append(self, group: Group) -> None:
        place = self._place
        if place.segment.length >= self._segment_bytes:
            place.next_segment(self._disk)
        place.segment.append(group.data)
        place.sequence = group.last
        place.revision = max(place.revision, group.revision)
        group.end = place.segment.end

    def _repair(self) -> bool:
        while not self._told_to_stop():
            try:
                self._place.mend(self._disk)
            except OSError:
                continue
            self._loop.call_soon_threadsafe(self._outcome.repaired)
            return True
        return False

    def _told_to_stop(self) -> bool:
        try:
            return self._inbox.get(timeout=self._probe) is None
        except queue.Empty:
            return False


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
