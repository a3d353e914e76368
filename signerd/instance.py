"""A running worker: its parts, what others see of it, and what happens to it from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import structlog

from signerd import __version__
from signerd.audit.log import Log
from signerd.audit.records import Record
from signerd.authz.identity import DAEMON
from signerd.config import Config, Listener
from signerd.engine.intents import unfinished, unfinished_record
from signerd.engine.keyring import Keyring
from signerd.engine.opening import BEGUN, Before
from signerd.engine.schedule import CheckSchedule
from signerd.engine.status import StatusReader
from signerd.errors import SignerdError
from signerd.methods import Parts
from signerd.password_sources import choose
from signerd.passwords import FilePassword, PasswordSource
from signerd.providers.guard import Guarded
from signerd.reload import Reload
from signerd.rpc.calls import Gate
from signerd.rpc.health import Health
from signerd.rpc.listeners import Listeners
from signerd.sinks.fanout import Fanout
from signerd.state.location import Location, SqliteLocation, parse_location
from signerd.state.migration import is_populated
from signerd.state.state_key import StateKey, obtain_state_key, read_state_key
from signerd.state.watcher import Watcher
from signerd.telemetry import Telemetry

logger = structlog.get_logger(__name__)
RELOADED = "config-reloaded"
TICK = 1.0
"""Seconds between two looks at what only polling shows: provider health, calls that the transport dropped."""
KEY_SECONDS = 5.0
"""Seconds that the start waits for the log key; later it is made in the background."""
DROPPED_AFTER = 10
"""Ticks without its message after which a call counts as dropped by the transport."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the process around a worker gives it. `secrets` are by provider and name; `worker` counts from 0."""

    config: Config
    location: Location
    state_key: StateKey
    secrets: Mapping[str, Mapping[str, PasswordSource]]
    warnings: tuple[str, ...] = ()
    worker: int = 0
    workers: int = 1

    @property
    def shards(self) -> str:
        """What the names of this worker's shards of the audit log begin with."""
        return f"worker-{self.worker}"


def prepared(config: Config, taken: Mapping[str, bytes], worker: int, workers: int) -> Wiring:
    """Everything a worker needs from files and environment; raises SignerdError where something is amiss."""
    file = config.state.password_file
    location = parse_location(config.state.url, (lambda: FilePassword(file)().decode()) if file else None)
    if isinstance(location, SqliteLocation):
        state_key = obtain_state_key(config.state.key_file, populated=is_populated(location))
    else:
        state_key = read_state_key(config.state.key_file)
    sources = choose(config, taken, os.environ)
    warnings = (*config.warnings(), *sources.warnings)
    return Wiring(config, location, state_key, sources.by_provider, warnings, worker, workers)


@dataclass(slots=True)
class Worker:
    """The parts of a running worker that others look at; `config` is what the last reload made of it."""

    wiring: Wiring
    config: Config
    telemetry: Telemetry
    log: Log
    keyring: Keyring
    providers: Mapping[str, Guarded]
    gate: Gate
    health: Health
    watcher: Watcher
    listeners: Listeners
    parts: Parts
    fanout: Fanout

    @property
    def status(self) -> StatusReader:
        """What tells how the worker is."""
        return self.parts.status

    def jobs(self) -> list[Coroutine[None, None, None]]:
        """What goes on in the background."""
        recovery, first = self.parts.recovery, self.wiring.worker == 0
        found = [self.tick(), self.watcher.run(), recovery.run(), recovery.promoter.run(everything=first)]
        found += [
            self.gate.recorder.run(),
            self.parts.checkpointer.run(),
            self.parts.checkpointer.anchors.run(),
        ]
        found.append(self.listeners.methods.evidence.retention.run())
        found.append(self.listeners.methods.audit.reader.index.run())
        interval = self.config.checks.interval
        # One worker checks for all.
        if interval and first:
            found.append(CheckSchedule(self.parts.checker, interval).run())
        return found

    def exposition(self) -> bytes:
        """Metrics of this worker as they are now."""
        telemetry = self.telemetry
        telemetry.in_flight.set(self.gate.in_flight)
        telemetry.audit_sequence.set(self.log.sequence)
        telemetry.audit_healthy.set(self.log.healthy)
        telemetry.snapshot_revision.set(self.keyring.revision)
        telemetry.key_check_failures.set(len(self.parts.checker.failing))
        for name, provider in self.providers.items():
            telemetry.provider_healthy[name].set(provider.health().healthy)
        return telemetry.exposition()

    def unready(self) -> str:
        """Why requests can't be answered now, empty when they can."""
        if self.status.draining:
            return "stopping"
        return self.log.detail or self.log.scarce

    def share(self, workers: int) -> None:
        """So many workers live: what providers allow the daemon is divided by that."""
        for provider in self.providers.values():
            provider.share(workers)

    async def show_health(self) -> None:
        """Bring the health service up to date."""
        providers = {name: provider.health().healthy for name, provider in self.providers.items()}
        await self.health.show(self.status.serving, providers)

    async def tick(self) -> None:
        """Look at what only polling shows, for ever."""
        pending: deque[int] = deque(maxlen=DROPPED_AFTER)
        dropped = 0
        while True:
            await self.show_health()
            pending.append(self.gate.started - self.gate.entered)
            now_dropped = min(pending) if len(pending) == DROPPED_AFTER else 0
            if now_dropped > dropped:
                self.telemetry.transport_rejected["message",] += now_dropped - dropped
                dropped = now_dropped
            await asyncio.sleep(TICK)


async def record_life(worker: Worker, operation: str) -> None:
    """Put the start or stop of the worker on record."""
    config = worker.wiring.config
    settings = sha256(config.model_dump_json().encode()).hexdigest()
    of = f"worker {worker.wiring.worker + 1} of {config.workers}"
    await record_event(worker, operation, f"signerd {__version__}, {of}, settings sha256:{settings}")


async def open_listeners(worker: Worker, listeners: Sequence[Listener]) -> None:
    """Open what listens; what stands in the way, such as a socket of somebody else, is on record. Raises that."""
    try:
        await worker.listeners.open(listeners, worker.wiring.config.home / "run")
    except SignerdError as error:
        await record_event(worker, "start", error.message, outcome="failed", reason=error.reason.name)
        raise


async def record_unfinished(worker: Worker) -> None:
    """Put on record what a crash left between asking a provider and its answer."""
    log = worker.log
    directory = worker.wiring.config.audit.directory / log.shard
    found = await asyncio.to_thread(unfinished, directory, log.sequence)
    if found:
        await log.note(unfinished_record(found, worker.keyring.revision))


async def record_event(
    worker: Worker, operation: str, detail: str, *, outcome: str = "ok", reason: str = ""
) -> None:
    """Put on record what the worker did by itself."""
    record = Record(
        operation=operation,
        outcome=outcome,
        reason=reason,
        caller=DAEMON.subject,
        proof=DAEMON.proof,
        revision=worker.keyring.revision,
        detail=detail,
    )
    await worker.log.note(record)


async def begin_shard(worker: Worker, before: Before | None) -> None:
    """Say in the first record of a new shard what it follows, and have the log key made before anybody asks."""
    if before is not None:
        await record_event(worker, BEGUN, before.text())
    try:
        async with asyncio.timeout(KEY_SECONDS):
            await worker.parts.checkpointer.key.ensure()
    except (SignerdError, TimeoutError) as error:
        logger.warning("no log key yet", problem=str(error) or "its provider takes long")


async def stop(worker: Worker) -> None:
    """Turn health off, let requests under way finish, and put the stop on record."""
    worker.status.draining = True
    await worker.show_health()
    await worker.listeners.close(worker.config.drain)
    methods = worker.listeners.methods
    await methods.keys.creator.settle()
    await methods.material.adopter.tasks.settle()
    await worker.parts.creator.settle()
    await methods.admin.rotator.tasks.settle()
    with contextlib.suppress(SignerdError):
        await worker.gate.recorder.tell_counts(all_of_them=True)
        await record_life(worker, "stop")
    await worker.parts.checkpointer.finish()
    for provider in worker.providers.values():
        await provider.close()


def on_hangup(worker: Worker, reload: Reload) -> None:
    """Take over on SIGHUP what a running daemon can: limits and rotated files here, the log's level in `reload`."""

    def hangup() -> None:
        done = reload(worker.config)
        worker.config = config = done.config
        worker.fanout.reopen()
        worker.gate.max_in_flight = config.limits.concurrent
        worker.parts.streams.max_payload = config.limits.payload
        worker.listeners.methods.signing.signer.max_payload = config.limits.payload
        event = record_event(worker, RELOADED, done.detail, outcome=done.outcome, reason=done.reason)
        tasks.add(task := asyncio.create_task(event))
        task.add_done_callback(tasks.discard)

    tasks: set[asyncio.Task[None]] = set()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup)
