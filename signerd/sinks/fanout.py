"""The records of one log to all its sinks, and what an operator sees of that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.config_sinks import SinkConfig
from signerd.errors import SignerdError

if TYPE_CHECKING:
    from signerd.sinks.delivery import Delivery, Gap
    from signerd.sinks.holding import Group, Holding
    from signerd.sinks.positions import PositionFile
    from signerd.sinks.stream import Stream

DROPPED: Final = "records-dropped"
SAVE_SECONDS: Final = 5.0
logger = structlog.get_logger(__name__)


class SinkFigures(NamedTuple):
    """How one sink is. `lag`: durable records that it does not have yet; `failures`: deliveries it did not take."""

    name: str
    type: str
    required: bool
    detail: str
    position: int
    lag: int
    delivered: int
    dropped: int
    failures: int


@dataclass(slots=True)
class _Followed:
    """A sink with where its position is kept."""

    delivery: Delivery
    file: PositionFile
    saved: int


class Fanout:
    """Hands what is durable to the sinks. Until `start` and without sinks it releases at once."""

    def __init__(self, sections: Sequence[SinkConfig] = ()) -> None:
        self._sections = sections
        self._followed: list[_Followed] = []
        self._stream: Stream | None = None
        self._holding: Holding | None = None
        self._log: Log | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def release(self, group: Group) -> None:
        """Take the group that has become durable (Listener.release)."""
        if self._stream is None:
            group.release()
            return
        self._stream.add(group.first, group.bodies)
        for one in self._followed:
            one.delivery.wake()
        if self._holding is None:
            group.release()
        else:
            self._holding.add(group)

    async def start(self, log: Log, *, instance: str, directory: Path, positions: Path) -> None:
        """Follow a log from where the sinks were; `directory` is the shard's, `positions` where those are kept.

        Raises CONFIG_INVALID, PERMISSIONS_TOO_OPEN.
        """
        if not self._sections:
            return
        # Imported here: a daemon without sinks needs none of it.
        from signerd.sinks.catching_up import read
        from signerd.sinks.holding import Holding
        from signerd.sinks.stream import Stream

        stream = Stream(log.sequence, partial(read, directory, lambda: log.end))
        self._log = log
        for section in self._sections:
            kept = positions / section.name / log.shard
            self._followed.append(await self._follow(section, log, stream, instance, kept))
        required = [one.delivery for one in self._followed if one.delivery.section.required]
        self._holding = Holding(required, log.hold) if required else None
        stream.newest = log.sequence
        self._stream = stream
        works = (*(one.delivery.run() for one in self._followed), self._save_for_ever())
        self._tasks = [asyncio.create_task(work) for work in works]

    async def _follow(
        self, section: SinkConfig, log: Log, stream: Stream, instance: str, kept: Path
    ) -> _Followed:
        from signerd.sinks.base import Origin
        from signerd.sinks.delivery import Delivery, Told
        from signerd.sinks.positions import PositionFile
        from signerd.sinks.registry import build

        file = PositionFile(kept, instance)
        position = await asyncio.to_thread(file.read, log.sequence)
        sender = await asyncio.to_thread(build, section, Origin(instance, log.shard))
        told = Told(self._moved, self._left_out)
        return _Followed(Delivery(section, sender, stream, position, told), file, position)

    async def close(self) -> None:
        """Give the sinks their last chance, keep the positions, and let go."""
        await asyncio.gather(*(one.delivery.finish() for one in self._followed))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._holding is not None:
            self._holding.give_up()
        await self._save()
        await asyncio.gather(*(one.delivery.close() for one in self._followed), return_exceptions=True)

    def reopen(self) -> None:
        """Files were rotated, certificates renewed."""
        for one in self._followed:
            one.delivery.reopen()

    def figures(self) -> list[SinkFigures]:
        """How the sinks are."""
        return [_figures(one.delivery) for one in self._followed]

    def _moved(self) -> None:
        if self._holding is not None:
            self._holding.moved()

    async def _left_out(self, gap: Gap) -> None:
        """Put a gap on record: the record goes the way of all others, so the sink is told too."""
        if self._log is None:
            return
        what = f"sink {gap.sink}: {gap.records} records, {gap.first} to {gap.last}, not delivered: {gap.why}"
        logger.error("records left out of a sink", sink=gap.sink, detail=what)
        record = Record(operation=DROPPED, outcome="failed", caller="signerd", proof="self", detail=what)
        await self._log.note(record)

    async def _save_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self._save()

    async def _save(self) -> None:
        for one in self._followed:
            position = one.delivery.position
            if position == one.saved:
                continue
            try:
                await asyncio.to_thread(one.file.write, position)
            except (OSError, SignerdError) as problem:
                name = one.delivery.section.name
                logger.warning("position of a sink not kept", sink=name, detail=str(problem))
            else:
                one.saved = position


def _figures(delivery: Delivery) -> SinkFigures:
    section = delivery.section
    return SinkFigures(
        name=section.name,
        type=getattr(section, "type"),  # noqa: B009
        required=section.required,
        detail=delivery.detail,
        position=delivery.position,
        lag=delivery.lag,
        delivered=delivery.delivered,
        dropped=delivery.dropped,
        failures=delivery.failures,
    )
