"""What is known of a shard outside this daemon: its mirror's checkpoint, and what witnesses have cosigned."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from signerd.audit import checkpoints
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.notes import parse
from signerd.audit.proofs import consistency
from signerd.errors import SignerdError
from signerd.mirrors.faults import MirrorFault
from signerd.witnesses.faults import Fault, WitnessFault

if TYPE_CHECKING:
    from signerd.mirrors.mirror import Mirror
    from signerd.witnesses.quorum import Witnesses

PATIENCE: Final = 5.0
"""Seconds that a start waits for what is outside."""
logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outside:
    """Witnesses and mirror of the shard in `directory`, as far as they are configured."""

    origin: str
    directory: Path
    witnesses: Witnesses | None = None
    mirror: Mirror | None = None

    async def copied(self) -> Checkpoint | None:
        """The mirror's checkpoint; None without, and where it can't be read, which is logged."""
        if self.mirror is None:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                note = await self.mirror.latest()
                found = checkpoints.parse(note, self.origin) if note is not None else None
        except (MirrorFault, SignerdError, TimeoutError) as error:
            logger.warning(
                "the audit log's mirror can't be asked", problem=str(error) or "it does not answer"
            )
            return None
        if found is not None:
            self.mirror.start_from(found.size)
        return found

    async def disowned(self, latest: Checkpoint, log: Log) -> str:
        """Why witnesses say that a log with this checkpoint was cut or put back; empty where none says so."""
        if self.witnesses is None:
            return ""
        from signerd.witnesses.witness import Submission

        asked = Submission(latest.size, parse(latest.note).text, latest.note)

        async def prove(old: int, size: int) -> Sequence[bytes]:
            return await proof(self.directory, old, size, log)

        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                return (await self.witnesses.cosign(asked, prove)).disowned(log.tree_head().size)
        return ""

    async def close(self) -> None:
        """Give connections back."""
        if self.mirror is not None:
            self.mirror.close()
        if self.witnesses is not None:
            await self.witnesses.close()


async def proof(directory: Path, old: int, size: int, log: Log) -> Sequence[bytes]:
    """Consistency proof of a shard; raises WitnessFault where it can't be made."""
    try:
        return await asyncio.to_thread(consistency, directory, old, size, log.end)
    except (SignerdError, OSError) as error:
        raise WitnessFault(Fault.HTTP, f"can't be given a proof: {error}") from None
