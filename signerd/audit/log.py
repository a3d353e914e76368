"""The log of one worker: records go in without waiting, and each is durable before its future is done."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from signerd.audit.checkpoints import Checkpoint
from signerd.audit.disk import Disk
from signerd.audit.groups import Entry, Group
from signerd.audit.opening import Found, find, publishing_of
from signerd.audit.records import Clock, Record
from signerd.audit.reserve import Reserve
from signerd.audit.segments import SHARD
from signerd.audit.tree import TreeHead
from signerd.audit.tuning import DEFAULTS, NOBODY, Listener, Tuning
from signerd.audit.writer import Writer
from signerd.errors import Reason, SignerdError

__all__ = ["Listener", "Log", "Ticket", "Tuning", "open_log"]
RECOVERED = "audit-recovered"
PRUNED = "audit-pruned"
logger = logging.getLogger(__name__)


class Ticket(NamedTuple):
    """Position of the first record, and the future that is done when all records of the call are durable.

    The future raises AUDIT_UNAVAILABLE; then the sequence means nothing. Cancelling it cancels no record.
    """

    sequence: int
    durable: asyncio.Future[None]


class Log:
    """Appends records to one directory. All methods belong to the event loop that opened it.

    `writable`: records can be made durable. `healthy`: that, and nobody holds back what is durable; else see `detail`.
    """

    def __init__(self, found: Found, tuning: Tuning, listener: Listener, disk: Disk) -> None:
        place = found.place
        self.shard = place.shard
        self.writable = True
        self.healthy = True
        self.detail = ""
        self.scarce = ""
        self._fault = self._held = ""
        self.sequence = place.sequence
        self.revision = place.revision
        self.end = place.segment.end
        self._listener = listener
        self._lock = found.lock
        self._tuning = tuning
        self._loop = asyncio.get_running_loop()
        self._clock = Clock()
        self._gathered = Group(place.sequence + 1, 0.0)
        self._in_flight: Group | None = None
        self._gathering = False
        self._turned_away = 0
        self._closing = False
        self._ended = self._loop.create_future()
        self._tiles_problem = ""
        self._publishing = publishing_of(found, disk, self._tiles_changed)
        reserve = Reserve(place.directory, disk, tuning.reserve)
        self._writer = Writer(
            place, self, disk=disk, segment_bytes=tuning.segment_bytes, probe=tuning.probe, reserve=reserve
        )
        self._writer.start()

    @property
    def origin(self) -> str:
        """Name of the log in checkpoints, `INSTANCE/SHARD`."""
        return self._publishing.origin

    @property
    def published(self) -> Checkpoint | None:
        """What stands in the file `checkpoint`."""
        return self._publishing.published

    @property
    def warnings(self) -> list[str]:
        """What is amiss though records can be written."""
        return [text for text in (self.scarce, self._tiles_problem) if text]

    def tree_head(self) -> TreeHead:
        """Size and root of all durable records; no I/O."""
        return self._publishing.head()

    async def publish(self, checkpoint: Checkpoint) -> None:
        """Write the partial tiles of a checkpoint's size, then the file `checkpoint`.

        A checkpoint may be published again, with more signatures. Raises AUDIT_INCONSISTENT for one that is not of this
        log or behind the one published, AUDIT_UNAVAILABLE.
        """
        await self._publishing.publish(checkpoint)

    async def prune(self, minimum_index: int) -> None:
        """Put on record, and then delete, what tlog-tiles lets go below a minimum index.

        Raises REQUEST_MALFORMED for an index behind the published checkpoint, AUDIT_UNAVAILABLE.
        """
        size = self.published.size if self.published else 0
        if not 0 < minimum_index <= size:
            raise SignerdError(
                Reason.REQUEST_MALFORMED,
                f"minimum_index is {minimum_index}, must be 1 to {size}, the size of the published checkpoint",
                field="minimum_index",
            )
        root = base64.b64encode(await self._publishing.root_at(minimum_index)).decode()
        detail = f"minimum index {minimum_index}, root {root}"
        await self.append(Record(operation=PRUNED, outcome="ok", detail=detail), administration=True).durable
        await self._publishing.prune(minimum_index)

    def append(self, entry: Entry, records: int = 1, *, administration: bool = False) -> Ticket:
        """Append an entry of so many records; their sequences follow each other. No I/O, never waits.

        The records are made when their group is written. Raises what `check` does, and OVERLOADED while too much waits
        to be written.
        """
        group = self._gathered
        self.check(administration=administration)
        if group.last - group.first >= self._tuning.group_records:
            raise SignerdError(Reason.OVERLOADED, "too many audit records wait for the disk", retry_after=0.1)
        first = group.last + 1
        group.add(entry, records)
        waiter = self._loop.create_future()
        group.waiters.append(waiter)
        if len(group.waiters) == 1:
            group.started = self._loop.time()
        if self._in_flight is None and not self._gathering:
            self._gathering = True
            self._loop.call_soon(self._gather)
        return Ticket(first, waiter)

    async def note(self, record: Record) -> None:
        """Put on record what the daemon does by itself; done when durable, though a required sink may not have it.

        Raises what `append` and its ticket do where the record is not durable.
        """
        ticket = self.append(record, administration=True)
        try:
            await ticket.durable
        except SignerdError:
            if self.sequence < ticket.sequence:
                raise

    def check(self, *, administration: bool = False) -> None:
        """Raise AUDIT_UNAVAILABLE while records can't be written, or none of requests for want of space."""
        if self._closing:
            raise SignerdError(Reason.SHUTTING_DOWN)
        if not self.writable:
            self._turned_away += 1
            raise self._unavailable()
        if self.scarce and not administration:
            raise SignerdError(Reason.AUDIT_UNAVAILABLE, self.scarce, retry_after=1.0)

    def _gather(self) -> None:
        """Write when the loop has had nothing else to do for some turns, at the latest when the time is over.

        Half the requests of a busy worker are still with the transport, so counting them would not tell.
        """
        group = self._gathered
        self._gathering = not group.is_settled() and self._loop.time() - group.started < self._tuning.gather
        if self._gathering and not self._closing:
            self._loop.call_soon(self._gather)
        else:
            self._flush()

    def _flush(self) -> None:
        group = self._gathered
        if self._in_flight is not None or not group.entries:
            return
        self._gathered = Group(group.last + 1, 0.0)
        try:
            records = group.build(self.shard, self._clock.stamp(time.time_ns()))
        except Exception:
            # A record that can't be made is a defect; what it stands for is not released.
            logger.exception("audit records can't be made")
            self._gathered = Group(group.first, 0.0)
            group.fail(lambda: SignerdError(Reason.INTERNAL))
            return
        self._in_flight = group
        self._writer.write(group)
        self._listener.on_records(records)

    def written(self, group: Group) -> None:
        """The writer's word that the group is durable."""
        self._in_flight = None
        self.sequence, self.end = group.last, group.end
        self.revision = max(self.revision, group.revision)
        self._listener.release(group)
        if self._gathered.entries:
            self._gather()
        if self._tuning.tiles:
            self._publishing.grow(group.bodies)
            group.bodies.clear()

    def failed(self, error: OSError) -> None:
        """The writer's word that nothing can be written: all who wait are turned away."""
        self.writable, self._fault = False, f"the audit log can't be written: {error.strerror or error}"
        self._settle_health()
        lost = [group for group in (self._in_flight, self._gathered) if group is not None]
        self._turned_away += sum(len(group.waiters) for group in lost)
        self._in_flight = None
        self._gathered = Group(self.sequence + 1, 0.0)
        for group in lost:
            group.fail(self._unavailable)
        self._listener.on_health(False, self._fault)

    def repaired(self) -> None:
        """The writer's word that it has a new segment; the first record in it says what happened."""
        count, reason = self._turned_away, self._fault
        self.writable, self._fault, self._turned_away = True, "", 0
        self._settle_health()
        if not self._closing:
            detail = f"{count} requests turned away; {reason}"
            self.append(Record(operation=RECOVERED, outcome="ok", detail=detail), administration=True)
        self._listener.on_health(True, "")

    def hold(self, why: str) -> None:
        """Say why nothing that is durable may be released, or nothing if it may. Records are written all the same."""
        self._held = why
        self._settle_health()

    def _settle_health(self) -> None:
        self.detail = self._fault or self._held
        self.healthy = not self.detail

    def space_changed(self, problem: str) -> None:
        """The writer's word that space for requests is short, or there again."""
        self.scarce = problem
        self._listener.on_warnings(self.warnings)

    def _tiles_changed(self, problem: str) -> None:
        self._tiles_problem = problem
        self._listener.on_warnings(self.warnings)

    def stopped(self) -> None:
        """The writer's word that it has ended."""
        self._ended.set_result(None)
        if not self._closing:
            self.failed(OSError("its writer ended"))

    def _unavailable(self) -> SignerdError:
        return SignerdError(Reason.AUDIT_UNAVAILABLE, self.detail, retry_after=1.0)

    async def close(self) -> None:
        """Make durable what was appended, end the thread and give the directory free. A second call does nothing."""
        if self._closing:
            return
        self._closing = True
        self._flush()
        rest = [group for group in (self._in_flight, self._gathered) if group is not None and group.entries]
        ends = [self._loop.create_future() for _ in rest]
        for group, end in zip(rest, ends, strict=True):
            group.waiters.append(end)
        await asyncio.gather(*ends, return_exceptions=True)
        self._writer.stop()
        await self._ended
        await self._publishing.close()
        os.close(self._lock)


async def open_log(
    directory: Path,
    shard: str,
    *,
    instance: str,
    known: Sequence[TreeHead] = (),
    tuning: Tuning = DEFAULTS,
    listener: Listener = NOBODY,
    disk: Disk | None = None,
) -> Log:
    """Open the log in `directory/shard`, which is made if need be, and recover it off the event loop.

    `known`: heads that were signed for this log. Raises HOME_IN_USE; AUDIT_CORRUPT; AUDIT_INCONSISTENT where the log is
    not the one of its own checkpoint or a known head, and then has changed nothing; AUDIT_UNAVAILABLE with the
    system's reason.
    """
    if not SHARD.fullmatch(shard):
        raise ValueError(f"not the name of a shard: {shard!r}")
    disk = disk or Disk()
    try:
        found = await asyncio.to_thread(find, directory / shard, shard, instance, disk, known)
    except OSError as error:
        raise SignerdError(
            Reason.AUDIT_UNAVAILABLE,
            f"the audit log in {directory / shard} can't be opened: {error.strerror}",
        ) from error
    return Log(found, tuning, listener, disk)
