"""Proofs that records are in the log: against a checkpoint that covers them, which is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signerd.audit import checkpoints
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.log import Log
from signerd.audit.proofs import tlog_proofs
from signerd.engine.log_key import unavailable
from signerd.errors import Reason, SignerdError

POLL: Final = 0.1


@dataclass(slots=True)
class Prover:
    """Proves records of the shards in `directory`; `own_covering` waits for a checkpoint of this worker's."""

    directory: Path
    log: Log
    own_covering: Callable[[int], Awaitable[Checkpoint]]

    async def proofs(self, shard: str, sequences: Sequence[int], seconds: float) -> list[str]:
        """A `.tlog-proof` for each record of a shard; waits so long for a checkpoint.

        Raises CHECKPOINT_UNAVAILABLE, AUDIT_CORRUPT, AUDIT_UNAVAILABLE.
        """
        made = await self.covering(shard, max(sequences), seconds)
        own = self.log.end if shard == self.log.shard else None
        indices = [sequence - 1 for sequence in sequences]
        try:
            return await asyncio.to_thread(tlog_proofs, self.directory / shard, indices, made, own)
        except OSError as error:
            raise SignerdError(
                Reason.AUDIT_UNAVAILABLE, f"the audit log can't be read: {error.strerror}", retry_after=1.0
            ) from None

    async def covering(self, shard: str, size: int, seconds: float) -> Checkpoint:
        """A checkpoint of at least so many records; raises CHECKPOINT_UNAVAILABLE."""
        coming = self.own_covering(size) if shard == self.log.shard else self._published(shard, size)
        try:
            async with asyncio.timeout(seconds):
                return await coming
        except TimeoutError:
            raise unavailable(
                f"no checkpoint of {shard} covered record {size} within {seconds:.3g} s"
            ) from None

    async def _published(self, shard: str, size: int) -> Checkpoint:
        """The checkpoint that another worker publishes of its shard."""
        origin = checkpoints.origin(self.log.origin.rpartition("/")[0], shard)
        while True:
            found = await asyncio.to_thread(checkpoints.read, self.directory / shard, origin)
            if found is not None and found.size >= size:
                return found
            await asyncio.sleep(POLL)
