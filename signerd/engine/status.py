"""How this worker is: what `status`, readiness and health tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signerd import __version__
from signerd.audit.log import Log
from signerd.authz.identity import Caller
from signerd.core.names import RESERVED
from signerd.engine.directory import check_call
from signerd.engine.keyring import Keyring
from signerd.engine.log_figures import LogFigures
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.providers.base import Health
from signerd.providers.guard import Guarded
from signerd.sinks.fanout import SinkFigures


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one worker; `providers` are (name, type, health)."""

    version: str
    instance: str
    serving: bool
    started: datetime
    worker: int
    workers: int
    revision: int
    keys: int
    providers: Sequence[tuple[str, str, Health]]
    shard: str
    sequence: int
    audit_healthy: bool
    audit_detail: str
    warnings: Sequence[str]
    sinks: Sequence[SinkFigures]
    checkpoints: LogFigures


@dataclass(slots=True)
class StatusReader:
    """Gathers the status from memory."""

    keyring: Keyring
    recorder: Recorder
    log: Log
    providers: Mapping[str, Guarded]
    warnings: Callable[[], Sequence[str]]
    sinks: Callable[[], Sequence[SinkFigures]]
    checkpoints: Callable[[], LogFigures]
    started: datetime
    worker: int = 0
    workers: int = 1
    draining: bool = False

    @property
    def serving(self) -> bool:
        """Whether requests are answered: their records can be written and the daemon is not stopping."""
        return self.log.healthy and not self.log.scarce and not self.draining

    async def read(self, caller: Caller, call: ReadCall) -> Status:
        """The status, with the reading of it on record unless the log is what is broken."""
        check_call(call)
        if self.log.healthy:
            facts = Facts("get-status", "", 0, call.request_id, call.traceparent)
            async with self.recorder.attempt(caller, facts):
                return self.now()
        return self.now()

    def now(self) -> Status:
        """The status as it is."""
        return Status(
            version=__version__,
            instance=self.keyring.view.snapshot.instance,
            serving=self.serving,
            started=self.started,
            worker=self.worker,
            workers=self.workers,
            revision=self.keyring.revision,
            keys=sum(not name.startswith(RESERVED) for name in self.keyring.view.snapshot.keys),
            providers=[(name, one.type, one.health()) for name, one in sorted(self.providers.items())],
            shard=self.log.shard,
            sequence=self.log.sequence,
            audit_healthy=self.log.healthy,
            audit_detail=self.log.detail,
            warnings=[*self.warnings(), *self.log.warnings],
            sinks=self.sinks(),
            checkpoints=self.checkpoints(),
        )
