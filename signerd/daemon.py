"""The composition root: the one place that builds the parts of a worker and wires them."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from signerd import exits
from signerd.audit.log import Listener as LogListener
from signerd.audit.log import Log, Tuning, open_log
from signerd.config import Config, Listener
from signerd.config_providers import ProviderSection, shown_settings
from signerd.control import serve_control
from signerd.engine.adoption import Adopter
from signerd.engine.auditing import AuditReader
from signerd.engine.creation import Creator
from signerd.engine.directory import Directory
from signerd.engine.discovery import Discoverer
from signerd.engine.keyring import Keyring
from signerd.engine.providers import ProviderReader
from signerd.engine.recorder import Recorder
from signerd.engine.signer import Signer
from signerd.engine.status import StatusReader
from signerd.engine.streams import StreamSigner
from signerd.engine.verifier import Verifier
from signerd.instance import Wiring, Worker, on_hangup, prepared, record_life, stop
from signerd.ownership import private_directory
from signerd.process import notify
from signerd.providers.base import Setup
from signerd.providers.guard import Guarded, VerifyAfterSign
from signerd.providers.guard import Limits as ProviderLimits
from signerd.providers.registry import build
from signerd.reload import Reload
from signerd.rpc.calls import Gate
from signerd.rpc.health import Health
from signerd.rpc.keeping import AdminMethods, AuditMethods
from signerd.rpc.keys import KeysMethods
from signerd.rpc.listeners import Listeners
from signerd.rpc.material import MaterialMethods
from signerd.rpc.providers import ProvidersMethods
from signerd.rpc.server import Limits, Methods
from signerd.rpc.signing import SigningMethods
from signerd.state.database import Database, open_database
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
    log: Log


@asynccontextmanager
async def running(wiring: Wiring) -> AsyncIterator[Worker]:
    """A worker that answers on its listeners; on leaving it finishes what is under way."""
    config = wiring.config
    async with AsyncExitStack() as stack:
        database = open_database(wiring.location)
        stack.push_async_callback(database.close)
        store = Store(database, wiring.state_key)
        snapshot = await store.open()
        telemetry = Telemetry()
        log = await _open_log(wiring, snapshot.instance, telemetry)
        stack.push_async_callback(log.close)
        await store.load(log.revision)
        worker = build_worker(wiring, Opened(telemetry, database, store, snapshot, log))
        stack.push_async_callback(stop, worker)
        await worker.show_health()
        await worker.listeners.open(own_listeners(wiring), config.home / "run")
        await record_life(worker, "start")
        async with background(worker.tick(), worker.watcher.run()):
            yield worker


async def _open_log(wiring: Wiring, instance: str, telemetry: Telemetry) -> Log:
    audit = wiring.config.audit
    private_directory(audit.directory, "audit.directory")

    def on_health(healthy: bool, detail: str) -> None:
        if healthy:
            logger.info("audit log can be written again")
        else:
            logger.error("audit log can't be written", detail=detail)

    return await open_log(
        audit.directory,
        f"worker-{wiring.worker}",
        instance=instance,
        tuning=Tuning(gather=audit.gather, segment_bytes=audit.segment),
        listener=LogListener(on_health, telemetry.count),
    )


def build_worker(wiring: Wiring, opened: Opened) -> Worker:
    """Wire the parts; nothing listens yet."""
    config, telemetry, log = wiring.config, opened.telemetry, opened.log
    providers = {
        name: guarded(Setup(name, section, wiring.secrets.get(name, {}), config.workers), telemetry)
        for name, section in config.providers.items()
    }
    keyring = Keyring(opened.store, providers, opened.snapshot)
    found = (*wiring.warnings, *log_warnings(log, opened.snapshot))
    recorder = Recorder(log, lambda: keyring.revision)
    status = StatusReader(
        keyring=keyring,
        recorder=recorder,
        log=log,
        providers=providers,
        warnings=lambda: (*found, *watcher_warnings(watcher)),
        started=datetime.now(UTC),
        worker=wiring.worker,
        workers=wiring.workers,
    )
    watcher = Watcher(opened.database, keyring.reload)
    gate = Gate(recorder, telemetry, config.limits.concurrent, config.limits.request)
    health = Health()
    streams = StreamSigner(keyring, recorder, config.limits.payload)
    listeners = Listeners(
        build_methods(config, opened.store, recorder, status, streams),
        gate,
        health,
        Limits(config.limits.request, config.limits.streams, KEEPALIVE, CONNECTION_AGE),
        reuse_port=wiring.workers > 1,
    )
    return Worker(
        wiring, config, telemetry, log, keyring, providers, gate, status, health, watcher, listeners, streams
    )


def build_methods(
    config: Config, store: Store, recorder: Recorder, status: StatusReader, streams: StreamSigner
) -> Methods:
    """What answers the calls of every listener."""
    keyring, shard, providers = status.keyring, recorder.log.shard, status.providers
    default = config.default_provider
    directory = Directory(keyring, recorder)
    creator = Creator(keyring, recorder, store, providers, default, lambda: datetime.now(UTC))
    adopter = Adopter(keyring, recorder, store, providers, lambda: datetime.now(UTC))
    settings = {name: shown_settings(section) for name, section in config.providers.items()}
    return Methods(
        SigningMethods(
            Signer(keyring, recorder, config.limits.payload),
            streams,
            Verifier(keyring, recorder),
            directory,
            shard,
        ),
        KeysMethods(creator, directory, shard),
        MaterialMethods(adopter, Discoverer(keyring, recorder, providers, default), shard),
        ProvidersMethods(ProviderReader(recorder, providers, default, settings)),
        AuditMethods(AuditReader(config.audit.directory, recorder.log, recorder)),
        AdminMethods(status),
    )


def guarded(setup: Setup, telemetry: Telemetry) -> Guarded:
    """A provider behind its guard; raises CONFIG_INVALID, PERMISSIONS_TOO_OPEN and what the provider raises."""
    section = setup.section
    outside = isinstance(section, ProviderSection)
    return Guarded(
        setup.name,
        section.type,
        build(section.type, setup),
        verify_after_sign=VerifyAfterSign(getattr(section, "verify_after_sign", "always")),
        limits=ProviderLimits(section.call, section.create, section.concurrent) if outside else None,
        on_integrity_failure=lambda provider: telemetry.integrity_failures.update([(provider,)]),
    )


def own_listeners(wiring: Wiring) -> list[Listener]:
    """Listeners of this worker: all share TCP ports, a Unix socket belongs to the first."""
    return [one for one in wiring.config.listeners if one.tcp is not None or wiring.worker == 0]


def log_warnings(log: Log, snapshot: Snapshot) -> tuple[str, ...]:
    """What an operator should know of the audit log as it was found."""
    if log.sequence or not snapshot.revision:
        return ()
    warning = (
        f"audit log {log.shard} is new, but the state is at revision {snapshot.revision}: "
        "unless this worker is new too, its log was removed"
    )
    logger.warning(warning)
    return (warning,)


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
        async with running(wiring) as here, serving_http(here, control_fd):
            on_hangup(here, reload)
            logger.info(
                "serving", home=str(config.home), keys=len(here.keyring.view.snapshot.keys), worker=worker
            )
            notify("READY=1")
            await ended(stopping, control_fd, here)
            notify("STOPPING=1")
            logger.info("stopping")
    except ExceptionGroup as defects:
        logger.critical("a part of the daemon died, so it stops", exc_info=defects)
        return exits.NOT_STARTED
    return exits.OK


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


def settle_memory() -> None:
    """Collect garbage rarely, and never look at what imports made: a full look costs tens of milliseconds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)


async def ended(stopping: asyncio.Event, control_fd: int | None, worker: Worker) -> None:
    """Wait for SIGTERM or SIGINT, or the end of the parent."""
    waiting: set[asyncio.Task[object]] = {asyncio.create_task(stopping.wait())}
    if control_fd is not None:
        waiting.add(asyncio.create_task(serve_control(control_fd, worker.exposition, worker.unready)))
    _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
