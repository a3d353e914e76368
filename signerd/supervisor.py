"""The parent of several workers: starts them, keeps them running, forwards signals, and speaks for all over HTTP.

Loads no gRPC: workers are new processes, since gRPC does not survive a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from signerd.config import Config
from signerd.control import METRICS, READY, WORKERS, Channel, ChannelBroken
from signerd.exits import NOT_STARTED, OK
from signerd.exposition import join
from signerd.handover import Handover
from signerd.process import clean_environment, notify
from signerd.reload import Reload

WORKER = (sys.executable, "-P", "-m", "signerd.worker")
KILL_AFTER = 10.0
_POLL = 0.05
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
_CALM = 60.0


def pause(failures: int) -> float:
    """Seconds to wait before a worker is started again after so many failures in a row."""
    return float(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures, 16)))


@dataclass(slots=True)
class Worker:
    """A worker process and the channel to it."""

    number: int
    process: asyncio.subprocess.Process
    channel: Channel
    config: Config
    serving: bool = False

    async def why_not_ready(self) -> str:
        """Why the worker can't take requests; empty if it can."""
        try:
            return (await self.channel.ask(READY)).decode()
        except ChannelBroken as error:
            return str(error)

    async def share(self, workers: int) -> None:
        """Tell how many workers live; one that does not answer is left to those who watch it."""
        with contextlib.suppress(ChannelBroken):
            await self.channel.ask(b"%b%d" % (WORKERS, workers))

    def tell(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the workers are started with. `held` are descriptors that keep locks as long as a worker lives."""

    source: Path | None
    reload: Reload
    passwords: Mapping[str, bytes] = field(repr=False)
    held: tuple[int, ...] = ()
    command: Sequence[str] = WORKER


class Supervisor:
    """Runs the workers of one configuration."""

    def __init__(self, config: Config, plan: Plan) -> None:
        self._config = config
        self._plan = plan
        self._workers: dict[int, Worker] = {}
        self._stop = asyncio.Event()
        self._none_left = asyncio.Event()
        self._changed = asyncio.Event()
        self._exit = OK
        self._log = structlog.get_logger()

    async def run(self) -> int:
        """Until SIGTERM or SIGINT; the exit code."""
        self._on(signal.SIGTERM, self._stop.set)
        self._on(signal.SIGINT, self._stop.set)
        self._on(signal.SIGHUP, self._reload)
        async with _http(self._config, self.ready, self.metrics), asyncio.TaskGroup() as group:
            for number in range(self._config.workers):
                group.create_task(self._keep(number), name=f"worker-{number}")
            sharing = group.create_task(self._share(), name="sharing")
            await self._stop.wait()
            sharing.cancel()
            notify("STOPPING=1")
            await self._drain()
        return self._exit

    async def ready(self) -> str:
        """Why not all workers take requests; empty if they do."""
        if self._stop.is_set():
            return "stopping"
        reasons = await asyncio.gather(*(self._reason(number) for number in range(self._config.workers)))
        return "; ".join(reason for reason in reasons if reason)

    async def metrics(self) -> bytes:
        """The joined figures of all workers that answer."""
        workers = list(self._workers.values())
        answers = await asyncio.gather(
            *(worker.channel.ask(METRICS) for worker in workers), return_exceptions=True
        )
        pairs = zip(workers, answers, strict=True)
        return join({worker.number: answer for worker, answer in pairs if isinstance(answer, bytes)})

    async def _reason(self, number: int) -> str:
        worker = self._workers.get(number)
        reason = await worker.why_not_ready() if worker else "not running"
        return f"worker {number}: {reason}" if reason else ""

    def _on(self, number: signal.Signals, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().add_signal_handler(number, act)

    def _reload(self) -> None:
        self._config = self._plan.reload(self._config).config
        for worker in self._workers.values():
            if worker.serving:
                worker.tell(signal.SIGHUP)

    async def _watch(self, worker: Worker) -> None:
        """Note when a worker serves; a reload that came before could not reach it."""
        while await worker.why_not_ready():  # noqa: ASYNC110  (another process has no event for us)
            await asyncio.sleep(_POLL)
        worker.serving = True
        self._changed.set()
        if worker.config is not self._config:
            worker.tell(signal.SIGHUP)
        if sum(each.serving for each in self._workers.values()) == self._config.workers:
            notify(f"READY=1\nSTATUS=serving with {self._config.workers} workers")
            self._log.info("serving", workers=self._config.workers)

    async def _share(self) -> None:
        """Tell those that serve how many live, for ever: one that starts has the smallest share until it hears more."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            living = list(self._workers.values())
            await asyncio.gather(*(worker.share(len(living)) for worker in living if worker.serving))

    async def _keep(self, number: int) -> None:
        """Run one worker, and again when it crashes; one that has never served ends everything."""
        failures, served = 0, False
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            began = loop.time()
            try:
                code, serving = await self._live(number)
            except OSError as error:
                self._log.error("worker can't be started", worker=number, error=str(error))
                code, serving = NOT_STARTED, False
            served = served or serving
            if self._stop.is_set():
                return
            self._log.error("worker ended", worker=number, code=code)
            if not served:
                self._exit = code if code > 0 else NOT_STARTED
                self._stop.set()
                return
            failures = 0 if loop.time() - began > _CALM else failures + 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause(failures))

    async def _live(self, number: int) -> tuple[int, bool]:
        """One life of a worker: exit code, and whether it ever served."""
        worker = await self._spawn(number)
        self._workers[number] = worker
        self._changed.set()
        self._none_left.clear()
        if self._stop.is_set():
            worker.tell(signal.SIGTERM)
        watch = asyncio.create_task(self._watch(worker), name=f"watch-{number}")
        try:
            code = await worker.process.wait()
        finally:
            watch.cancel()
            del self._workers[number]
            self._changed.set()
            if not self._workers:
                self._none_left.set()
            await worker.channel.close()
        return code, worker.serving

    async def _spawn(self, number: int) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *self._plan.command,
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), *self._plan.held),
                env=clean_environment(os.environ),
                start_new_session=True,
            )
            given = self._handover(number, theirs.fileno()).encode()
        await _feed(process, given)
        return Worker(number, process, Channel(ours), self._config)

    def _handover(self, number: int, control_fd: int) -> Handover:
        environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        plan = self._plan
        return Handover(self._config, plan.source, number, control_fd, plan.passwords, environment)

    async def _drain(self) -> None:
        """Let the workers finish; kill those that don't."""
        for worker in self._workers.values():
            worker.tell(signal.SIGTERM)
        if self._workers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), self._config.drain + KILL_AFTER)
        for worker in self._workers.values():
            self._log.error("worker did not stop in time", worker=worker.number)
            self._exit = self._exit or NOT_STARTED
            worker.tell(signal.SIGKILL)


async def _feed(process: asyncio.subprocess.Process, given: bytes) -> None:
    pipe = process.stdin
    assert pipe is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(given)
        await pipe.drain()
        pipe.close()
        await pipe.wait_closed()


@contextlib.asynccontextmanager
async def _http(
    config: Config, ready: Callable[[], Awaitable[str]], metrics: Callable[[], Awaitable[bytes]]
) -> AsyncIterator[None]:
    """The HTTP listener, if one is configured; uvicorn is loaded only then."""
    if config.http is None:
        yield
        return
    from signerd.http.app import build
    from signerd.http.listener import HttpListener, bind

    listener = HttpListener(build(ready, metrics), bind(config.http))
    await listener.start()
    try:
        yield
    finally:
        await listener.stop()
