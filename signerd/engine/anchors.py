"""Where checkpoints are known besides this daemon: witnesses that cosign them, and a mirror of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.notes import parse
from signerd.engine.log_figures import MirrorFigures, WitnessFigures
from signerd.engine.outside import Outside, proof
from signerd.mirrors.faults import MirrorFault
from signerd.telemetry import CheckpointMeter

if TYPE_CHECKING:
    from signerd.mirrors.mirror import Mirror
    from signerd.witnesses.quorum import Witnesses

MIRROR_PAUSE: Final = 5.0
logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Anchors:
    """Witnesses and mirror of one shard, as far as they are configured.

    `problem` is why a witness says that this log was cut or put back.
    """

    log: Log
    outside: Outside
    meter: CheckpointMeter
    problem: str = ""
    _newest: Checkpoint | None = None
    _copied: Checkpoint | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def witnesses(self) -> Witnesses | None:
        """The witnesses, if there are any."""
        return self.outside.witnesses

    @property
    def copy(self) -> Mirror | None:
        """The mirror, if there is one."""
        return self.outside.mirror

    @property
    def required(self) -> bool:
        """Whether what waits for a checkpoint waits for the quorum."""
        return self.witnesses is not None and self.witnesses.required

    @property
    def quorum(self) -> int:
        """How many cosignatures are wanted."""
        return self.witnesses.quorum if self.witnesses else 0

    @property
    def lag(self) -> int:
        """Records that a checkpoint covers and the mirror has not."""
        return self._newest.size - self.copy.size if self.copy and self._newest else 0

    def witness_figures(self) -> list[WitnessFigures]:
        """How the witnesses are."""
        members = self.witnesses.members if self.witnesses else ()
        return [WitnessFigures(one.name, one.size if one.cosigned else 0, one.problem) for one in members]

    def mirror_figures(self) -> MirrorFigures | None:
        """How the mirror is."""
        return MirrorFigures(self.copy.size, self.lag, self.copy.problem) if self.copy else None

    def warnings(self) -> list[str]:
        """What an operator should know."""
        found = [self.problem] if self.problem else []
        if self.copy is not None and self.copy.problem and self._newest is not None:
            found.append(f"audit log: the mirror is {self.lag} records behind: {self.copy.problem}")
        for one in self.witnesses.members if self.witnesses else ():
            if one.problem and self._newest is not None:
                found.append(f"audit log: witness {one.name} {one.problem}")
        return found

    async def cosign(self, made: Checkpoint) -> dict[str, bytes]:
        """Signature lines of the witnesses that cosign, by name; none without witnesses."""
        if self.witnesses is None:
            return {}
        from signerd.witnesses.witness import Submission

        asked = Submission(made.size, parse(made.note).text, made.note)
        done = await self.witnesses.cosign(asked, self._prove)
        why = done.disowned(self.log.tree_head().size)
        if why and not self.problem:
            self.problem = f"audit log: {why}: this log was cut or put back"
            logger.error("a witness disowns the audit log", problem=why)
        return {one.name: one.line for one in done.cosignatures}

    async def _prove(self, old: int, size: int) -> Sequence[bytes]:
        return await proof(self.outside.directory, old, size, self.log)

    def mirror(self, made: Checkpoint) -> None:
        """Have a checkpoint copied in the background, with all that it covers."""
        if made == self._newest:
            return
        self._newest = made
        self._changed.set()

    async def run(self) -> None:
        """Copy to the mirror until cancelled: always the newest checkpoint."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self._copy_newest():
                await asyncio.sleep(MIRROR_PAUSE)
                self._changed.set()

    async def _copy_newest(self) -> bool:
        made, copy = self._newest, self.copy
        if copy is None or made is None:
            return True
        try:
            await copy.copy(made.size, made.note)
        except MirrorFault as fault:
            logger.warning("the audit log's mirror is behind", records=self.lag, problem=str(fault))
            self.meter.mirror_failed()
            return False
        except Exception as defect:
            logger.exception("defect in the audit log's mirror")
            copy.problem = f"an internal error ({type(defect).__name__}); see the daemon's log"
            self.meter.mirror_failed()
            return False
        finally:
            self.meter.mirror_lag = self.lag
        self._copied = made
        return True

    async def settle(self) -> None:
        """Copy the newest checkpoint now, if it is not yet and the mirror was well."""
        if self._newest is not self._copied and self.copy is not None and not self.copy.problem:
            await self._copy_newest()

    async def close(self) -> None:
        """Give connections back."""
        await self.outside.close()
