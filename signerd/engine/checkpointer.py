"""Makes the checkpoints of this worker's shard: at an interval, when somebody waits for one, and as a heartbeat.

A checkpoint is signed over durable records only, kept in the state database, then published; witnesses and the mirror
come after it. Whatever fails here, records and signatures go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from signerd.audit import checkpoints, notes
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.authz.identity import DAEMON
from signerd.core.keys import Key, KeyVersion, State
from signerd.engine.anchors import Anchors
from signerd.engine.log_figures import LogFigures, ShardFigures, truncation
from signerd.engine.log_key import LogKey, signed_by, unavailable, vkey
from signerd.errors import SignerdError
from signerd.state.checkpoints import Checkpoints, KeptCheckpoint
from signerd.state.shards import Shards
from signerd.telemetry import CheckpointMeter

GATHER: Final = 0.05
"""Seconds from the first who waits to the checkpoint, so that others get the same one."""
PAUSE: Final = 1.0
"""Seconds between two tries, at least."""
FIRST: Final = 3.0
"""Seconds that the first checkpoint may hold up the start."""
LAST: Final = 3.0
"""Seconds that the last checkpoint may hold up the end."""
HEARTBEAT: Final = "heartbeat"
ROTATED: Final = "log-key-rotated"
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds between checkpoints while there are new records, and until a heartbeat while there are none."""

    interval: float = 5.0
    heartbeat: float = 300.0


@dataclass(slots=True)
class Waiter:
    """Somebody who waits for a checkpoint of at least this size."""

    size: int
    done: asyncio.Future[Checkpoint]


@dataclass(slots=True)
class Checkpointer:
    """`latest` is the newest checkpoint that the state database knows; `problem` is why there is no newer one.

    `keeper` is what the state database is called in the status. `superseded` is set when a witness has seen more of
    this log than there is: another shard must be begun.
    """

    log: Log
    key: LogKey
    state: Checkpoints
    anchors: Anchors
    timing: Timing
    meter: CheckpointMeter
    shards: Shards
    keeper: str
    clock: Callable[[], datetime]
    latest: Checkpoint | None = None
    problem: str = ""
    superseded: asyncio.Event = field(default_factory=asyncio.Event)
    _proven: Checkpoint | None = None
    _signed: Checkpoint | None = None
    _cosigned: dict[str, bytes] = field(default_factory=dict)
    _known: Mapping[str, KeptCheckpoint] = field(default_factory=dict)
    _waiters: list[Waiter] = field(default_factory=list)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def warnings(self) -> list[str]:
        """What an operator should know."""
        found = [f"audit log: no new checkpoint: {self.problem}"] if self.problem else []
        return [*found, *self.anchors.warnings()]

    def figures(self) -> LogFigures:
        """How the checkpoints of all shards are."""
        now, own, shard = self.clock(), self.latest, self.log.shard
        witnesses, mirror = self.anchors.witness_figures(), self.anchors.mirror_figures()
        return LogFigures(
            own=ShardFigures(shard, own.size, int(self.meter.age())) if own else None,
            problem=self.problem,
            quorum=self.anchors.quorum,
            witnesses=witnesses,
            mirror=mirror,
            truncation=truncation(self.keeper if own else "", witnesses, mirror),
            others=[
                ShardFigures(name, kept.size, max(0, int((now - kept.made).total_seconds())))
                for name, kept in sorted(self._known.items())
                if name != shard
            ],
        )

    async def begin(self) -> None:
        """Make a checkpoint at the start, if that is quick: from then on the log can be proven."""
        try:
            async with asyncio.timeout(FIRST):
                await self._step()
        except SignerdError as error:
            self._failed(error)
        except TimeoutError:
            logger.warning("the first checkpoint of the audit log takes long")

    async def covering(self, size: int) -> Checkpoint:
        """A checkpoint of at least `size` records, with a quorum of witnesses where that is required.

        Waits for one to be made; raises CHECKPOINT_UNAVAILABLE where that fails. Time limits are the caller's.
        """
        known = self._proven
        if known is not None and known.size >= size:
            return known
        waiter = Waiter(size, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._wanted.set()
        try:
            return await waiter.done
        finally:
            with suppress(ValueError):
                self._waiters.remove(waiter)

    async def run(self) -> None:
        """Make checkpoints until cancelled."""
        while True:
            try:
                await self._step()
            except SignerdError as error:
                self._failed(error)
                await asyncio.sleep(PAUSE)
            except Exception as defect:
                logger.exception("defect in checkpoints of the audit log")
                self._failed(
                    unavailable(f"an internal error ({type(defect).__name__}); see the daemon's log")
                )
                await asyncio.sleep(PAUSE)
            await self._due()

    async def _step(self) -> None:
        if self.anchors.problem:
            await self.shards.end(self.log.shard)
            self.superseded.set()
            return
        if self._idle() and self.meter.age() >= self.timing.heartbeat:
            await self._note(HEARTBEAT, "")
        if not self._idle() or (self._waiters and self._proven is None):
            await self.make()
        elif self._signed is not None and len(self._cosigned) < self.anchors.quorum:
            await self._anchor(self._signed)
        self._known = await self.state.all()

    def _idle(self) -> bool:
        size = self.log.tree_head().size
        known = all(one is not None and one.size == size for one in (self.latest, self.log.published))
        return known and not self._rotated()

    def _rotated(self) -> bool:
        key = self.key.known()
        return (
            key is not None and self.latest is not None and self._signer(key, self.latest) != key.version(0)
        )

    async def _due(self) -> None:
        """Wait for the interval, or for somebody who waits."""
        seconds = min(self.timing.interval, self.timing.heartbeat)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        if self._wanted.is_set():
            await asyncio.sleep(GATHER)
            self._wanted.clear()

    async def make(self) -> Checkpoint:
        """Make a checkpoint of all durable records, and have it cosigned and copied.

        Raises CHECKPOINT_UNAVAILABLE, AUDIT_INCONSISTENT and what state, log and the log key's provider do.
        """
        key = await self.key.ensure()
        signers = await self._signers(key)
        head = self.log.tree_head()
        text = checkpoints.body(self.log.origin, head)
        lines = [await self.key.sign(version, self.log.origin, text) for version in signers]
        made = Checkpoint(self.log.origin, head.size, head.root, notes.note(text, lines))
        await self._keep(made)
        self.problem = ""
        self.meter.made(head.size)
        if not self.anchors.required:
            self._release(made)
        self._signed, self._cosigned = made, {}
        await self._anchor(made)
        return made

    async def _anchor(self, made: Checkpoint) -> None:
        """Have a checkpoint cosigned by those who did not yet, and copied."""
        cosigned = self._cosigned | await self.anchors.cosign(made)
        lines = list(cosigned.values())
        made = made._replace(note=made.note + b"".join(lines))
        if len(lines) > len(self._cosigned):
            await self._keep(made)
        self._cosigned = cosigned  # not before: what could not be kept is tried again
        self.anchors.mirror(made)
        if not self.anchors.required:
            self._proven = made
        elif len(lines) >= self.anchors.quorum:
            self._release(made)
        else:
            self._turn_away(f"{len(lines)} of {self.anchors.quorum} witnesses cosigned the checkpoint")

    async def _keep(self, made: Checkpoint) -> None:
        """The state first: what anybody sees of this log, the state knows of."""
        await self.state.keep(self.log.shard, made.size, made.root, made.note)
        self.latest = made
        await self.log.publish(made)

    async def _signers(self, key: Key) -> list[KeyVersion]:
        """The primary; after a rotation the version before it too, until such a checkpoint is published."""
        primary, seen = key.version(0), self.log.published or self.latest
        before = self._signer(key, seen) if seen else primary
        if before == primary:
            return [primary]
        last = self._signer(key, self.latest) if self.latest else before
        if last != primary:  # else on record already
            was = vkey(self.log.origin, last) if last else "unknown"
            await self._note(ROTATED, f"from {was} to {vkey(self.log.origin, primary)}")
        return [before, primary] if before and before.state is State.ACTIVE else [primary]

    def _signer(self, key: Key, made: Checkpoint) -> KeyVersion | None:
        return signed_by(key, self.log.origin, made.note)

    async def _note(self, operation: str, detail: str) -> None:
        record = Record(
            operation=operation,
            outcome="ok",
            caller=DAEMON.subject,
            proof=DAEMON.proof,
            revision=self.key.keyring.revision,
            detail=detail,
        )
        await self.log.note(record)

    def _release(self, made: Checkpoint) -> None:
        self._proven = made
        for waiter in self._waiters:
            if waiter.size <= made.size and not waiter.done.done():
                waiter.done.set_result(made)

    def _turn_away(self, problem: str) -> None:
        for waiter in self._waiters:
            if not waiter.done.done():
                waiter.done.set_exception(unavailable(problem))
                waiter.done.exception()  # nobody need look

    def _failed(self, error: SignerdError) -> None:
        if self.problem != error.message:
            logger.warning("no new checkpoint of the audit log", problem=error.message)
        self.problem = error.message
        self.meter.failed(error.reason.name)
        self._turn_away(error.message)

    async def finish(self) -> None:
        """Make a last checkpoint before the end, if that is quick."""
        try:
            async with asyncio.timeout(LAST):
                if not self._idle():
                    await self.make()
                await self.anchors.settle()
        except (SignerdError, TimeoutError) as error:
            logger.warning("no last checkpoint of the audit log", problem=str(error))
        await self.anchors.close()
