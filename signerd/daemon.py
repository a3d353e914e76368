"""The composition root: the one place that builds the parts of a worker and wires them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog

from signerd import exits
from signerd.anchoring import build_checkpointer, open_shard, shard_warnings
from signerd.config import Config, Listener
from signerd.control import Answers, serve_control
from signerd.engine.checking import Checker
from signerd.engine.creation import Creator
from signerd.engine.keyring import Keyring
from signerd.engine.opening import OpenedShard
from signerd.engine.promotion import Promoter
from signerd.engine.recovery import Recovery
from signerd.engine.status import StatusReader
from signerd.engine.streams import StreamSigner
from signerd.instance import (
    Wiring,
    Worker,
    begin_shard,
    on_hangup,
    open_listeners,
    prepared,
    record_life,
    record_unfinished,
    stop,
)
from signerd.methods import Parts, build_methods, utc_now
from signerd.process import notify, settle_memory
from signerd.provision import build_providers, build_recorder, open_audit_log, owner, start_sinks
from signerd.reload import Reload
from signerd.rpc.calls import Gate
from signerd.rpc.health import Health
from signerd.rpc.keys import ANSWERS
from signerd.rpc.listeners import Listeners
from signerd.rpc.server import Limits
from signerd.sinks.fanout import Fanout
from signerd.state.database import Database, open_database
from signerd.state.journal import Journal
from signerd.state.snapshot import Snapshot
from signerd.state.store import Store
from signerd.state.watcher import Watcher
from signerd.telemetry import Telemetry

logger = structlog.get_logger(__name__)
KEEPALIVE = 60.0
CONNECTION_AGE = 300.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What a worker has opened before it is wired."""

    telemetry: Telemetry
    database: Database
    store: Store
    snapshot: Snapshot
    shard: OpenedShard
    fanout: Fanout = field(default_factory=Fanout)


@asynccontextmanager
async def running(wiring: Wiring) -> AsyncIterator[Worker]:
    """A worker that answers on its listeners; on leaving it finishes what is under way."""
    config = wiring.config
    async with AsyncExitStack() as stack:
        database = open_database(wiring.location)
        stack.push_async_callback(database.close)
        store = Store(database, wiring.state_key)
        snapshot = await store.open()
        fanout = Fanout(config.audit.sinks)
        telemetry = Telemetry(fanout.figures)
        opening = partial(open_audit_log, wiring, snapshot.instance, telemetry, fanout)
        shard = await open_shard(wiring, database, snapshot.instance, telemetry, opening, store.load)
        stack.push_async_callback(shard.outside.close)
        stack.push_async_callback(shard.log.close)
        stack.push_async_callback(fanout.close)
        await start_sinks(wiring, snapshot.instance, shard.log, fanout)
        await store.load(shard.revision)
        worker = build_worker(wiring, Opened(telemetry, database, store, snapshot, shard, fanout))
        stack.push_async_callback(stop, worker)
        await begin_shard(worker, shard.before)
        await worker.show_health()
        await record_unfinished(worker)
        await open_listeners(worker, own_listeners(wiring))
        await record_life(worker, "start")
        await worker.parts.checkpointer.begin()
        async with background(*worker.jobs()):
            yield worker


def build_worker(wiring: Wiring, opened: Opened) -> Worker:
    """Wire the parts; nothing listens yet."""
    config, telemetry, log = wiring.config, opened.telemetry, opened.shard.log
    providers = build_providers(wiring, telemetry)
    keyring = Keyring(opened.store, providers, opened.snapshot)
    recorder = build_recorder(config, log, keyring)
    watcher = Watcher(opened.database, keyring.notice)
    journal = Journal(opened.database, wiring.state_key, owner(wiring))
    promoter = Promoter(keyring, recorder, providers)
    recovery = Recovery(keyring, recorder, opened.store, journal, providers, ANSWERS, utc_now, promoter)
    checker = Checker(keyring, recorder, promoter)
    creator = Creator(
        recovery.keyring,
        recorder,
        opened.store,
        journal,
        providers,
        config.default_provider,
        utc_now,
        promoter,
        recovery.wake,
    )
    checkpointer = build_checkpointer(wiring, opened.database, opened.shard, creator, telemetry)
    found = (*wiring.warnings, *shard_warnings(opened.shard))
    status = StatusReader(
        keyring=keyring,
        recorder=recorder,
        log=log,
        providers=providers,
        warnings=lambda: (
            *(*found, *watcher_warnings(watcher), *recovery.warnings()),
            *(*promoter.warnings(), *checker.warnings(), *checkpointer.warnings()),
        ),
        sinks=opened.fanout.figures,
        checkpoints=checkpointer.figures,
        started=utc_now(),
        worker=wiring.worker,
        workers=wiring.workers,
    )
    gate = Gate(recorder, telemetry, config.limits.concurrent, config.limits.request)
    health = Health()
    streams = StreamSigner(keyring, recorder, config.limits.payload)
    parts = Parts(recovery, checker, status, streams, creator, checkpointer)
    listeners = build_listeners(wiring, gate, parts, health)
    return Worker(
        wiring,
        config,
        telemetry,
        log,
        keyring,
        providers,
        gate,
        health,
        watcher,
        listeners,
        parts,
        opened.fanout,
    )


def build_listeners(wiring: Wiring, gate: Gate, parts: Parts, health: Health) -> Listeners:
    """What listens, and what answers there."""
    config = wiring.config
    return Listeners(
        build_methods(config, parts),
        gate,
        health,
        Limits(config.limits.request, config.limits.streams, KEEPALIVE, CONNECTION_AGE),
        reuse_port=wiring.workers > 1,
    )


def own_listeners(wiring: Wiring) -> list[Listener]:
    """Listeners of this worker: all share TCP ports, a Unix socket belongs to the first."""
    return [one for one in wiring.config.listeners if one.tcp is not None or wiring.worker == 0]


def watcher_warnings(watcher: Watcher) -> tuple[str, ...]:
    """What an operator should know of the state database."""
    return () if watcher.connected else (f"state database: {watcher.detail}",)


@asynccontextmanager
async def background(*jobs: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run jobs beside the body; they end with it. One that dies ends the body with an ExceptionGroup."""
    body = asyncio.current_task()
    died: list[Exception] = []

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            died.append(error)
            if body is not None:
                body.cancel()  # nobody else does the job

    tasks = [asyncio.create_task(job) for job in jobs]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if died:
            raise ExceptionGroup("a part of the daemon died", died) from None
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def stop_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


async def run(
    config: Config,
    *,
    passwords: Mapping[str, bytes],
    reload: Reload,
    worker: int = 0,
    workers: int = 1,
    control_fd: int | None = None,
) -> int:
    """Run one worker until it is told to stop; 0. With `control_fd` it is one of several, under a parent.

    Raises SignerdError where it can't start.
    """
    settle_memory()
    stopping = stop_signals()
    wiring = prepared(config, passwords, worker, workers)
    for warning in wiring.warnings:
        logger.warning(warning)
    try:
        again = await serve_once(wiring, reload, stopping, control_fd)
        if again and control_fd is None:
            again = await serve_once(wiring, reload, stopping, control_fd)
    except ExceptionGroup as defects:
        logger.critical("a part of the daemon died, so it stops", exc_info=defects)
        return exits.NOT_STARTED
    # A parent starts its worker again; without one the second time is the last, or a witness could go on for ever.
    return exits.NOT_STARTED if again else exits.OK


async def serve_once(wiring: Wiring, reload: Reload, stopping: asyncio.Event, control_fd: int | None) -> bool:
    """Serve until told to stop, or until the audit log turns out to be a restored one: True, it must begin another."""
    config = wiring.config
    async with running(wiring) as here, serving_http(here, control_fd):
        on_hangup(here, reload)
        keys = len(here.keyring.view.snapshot.keys)
        logger.info("serving", home=str(config.home), keys=keys, worker=wiring.worker)
        notify("READY=1")
        await ended(stopping, control_fd, here)
        notify("STOPPING=1")
        logger.info("stopping")
    return here.parts.checkpointer.superseded.is_set() and not stopping.is_set()


@asynccontextmanager
async def serving_http(worker: Worker, control_fd: int | None) -> AsyncIterator[None]:
    """Answer over HTTP, or the parent that does so for all workers."""
    http = worker.wiring.config.http
    if control_fd is not None or http is None:
        yield
        return
    from signerd.http.app import build as build_app
    from signerd.http.listener import HttpListener, bind

    async def ready() -> str:
        return worker.unready()

    async def metrics() -> bytes:
        return worker.exposition()

    listener = HttpListener(build_app(ready, metrics), bind(http))
    await listener.start()
    try:
        yield
    finally:
        await listener.stop()


async def ended(stopping: asyncio.Event, control_fd: int | None, worker: Worker) -> None:
    """Wait for SIGTERM or SIGINT, the end of the parent, or the need for another shard of the audit log."""
    waiting: set[asyncio.Task[object]] = {
        asyncio.create_task(stopping.wait()),
        asyncio.create_task(worker.parts.checkpointer.superseded.wait()),
    }
    if control_fd is not None:
        answers = Answers(worker.exposition, worker.unready, worker.share)
        waiting.add(asyncio.create_task(serve_control(control_fd, answers)))
    _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
