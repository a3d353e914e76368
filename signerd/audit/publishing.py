"""The tree of a log and what is published of it: heads to sign, checkpoints that were signed, what is pruned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from signerd.audit.checkpoints import Checkpoint
from signerd.audit.damage import inconsistent
from signerd.audit.growth import Growth, Partial
from signerd.audit.proofs import root_at
from signerd.audit.tile_store import TileStore
from signerd.audit.tiler import Tiler, reason
from signerd.audit.tree import TreeHead
from signerd.errors import Reason, SignerdError

PATIENCE: Final = 5.0
"""Seconds that closing waits for tiles: what is not written then is written at the next start."""
HEADS: Final = 64
"""Heads given out that are remembered, so that a checkpoint over one need not be proven."""


class Publishing:
    """Belongs to the event loop. `on_trouble` gets what is wrong with the tiles, an empty text when all is well."""

    def __init__(
        self,
        origin: str,
        directory: Path,
        growth: Growth,
        store: TileStore,
        on_trouble: Callable[[str], None],
    ) -> None:
        self.origin = origin
        self.published: Checkpoint | None = None
        self._directory = directory
        self._growth = growth
        self._heads: dict[int, bytes] = {}
        self._on_trouble = on_trouble
        self._tiler = Tiler(store, self, directory.name)
        self._tiler.start()

    def begin(self, base: int, published: Checkpoint | None) -> None:
        """Have written what did not outlive the end before. `base`: up to where the tiles are synced."""
        self.published = published
        unfinished = self._growth.partial(published.size if published else 0)
        end = self._growth.size
        waiting = self._tiler.order(lambda store: store.resume(unfinished, base, end))
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())

    def grow(self, bodies: Sequence[bytes]) -> None:
        """Take durable records."""
        for slab in self._growth.add(bodies):
            self._tiler.put(slab)

    def head(self) -> TreeHead:
        """Size and root of all that is durable."""
        head = self._growth.head()
        self._heads[head.size] = head.root
        while len(self._heads) > HEADS:
            del self._heads[next(iter(self._heads))]
        return head

    async def publish(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and the tiles of its size. Raises AUDIT_INCONSISTENT, AUDIT_UNAVAILABLE."""
        size = self.published.size if self.published else 0
        if checkpoint.origin != self.origin or not size <= checkpoint.size <= self._growth.size:
            raise inconsistent(
                self._directory, f"has no checkpoint of {checkpoint.size} to publish after {size}"
            )
        known = self._heads.get(checkpoint.size) == checkpoint.root
        unfinished = self._growth.partial(checkpoint.size)
        await self._done(lambda store: self._write(store, checkpoint, unfinished, known))
        self._heads = {size: root for size, root in self._heads.items() if size >= checkpoint.size}
        self.published = checkpoint

    def _write(self, store: TileStore, checkpoint: Checkpoint, unfinished: Partial, known: bool) -> None:
        if not known and root_at(self._directory, checkpoint.size) != checkpoint.root:
            raise inconsistent(self._directory, f"has another root at {checkpoint.size} than the checkpoint")
        store.publish(checkpoint, unfinished)

    async def root_at(self, size: int) -> bytes:
        """The root at an earlier size. Raises AUDIT_CORRUPT, AUDIT_RECORD_NOT_FOUND, AUDIT_UNAVAILABLE."""
        try:
            return await asyncio.to_thread(root_at, self._directory, size)
        except OSError as error:
            raise _unavailable(error) from error

    async def prune(self, minimum_index: int) -> None:
        """Delete what the minimum index makes superfluous. Raises AUDIT_UNAVAILABLE."""
        await self._done(partial(TileStore.prune, minimum=minimum_index))

    async def _done(self, run: Callable[[TileStore], None]) -> None:
        try:
            await self._tiler.order(run)
        except OSError as error:
            raise _unavailable(error) from error

    def tiles_failed(self, problem: str) -> None:
        """The tiler's word that tiles can't be written."""
        self._on_trouble(f"tiles of the audit log can't be written: {problem}")

    def tiles_written(self) -> None:
        """The tiler's word that they can again."""
        self._on_trouble("")

    async def close(self) -> None:
        """Write what waits and end the thread; one that hangs is left behind."""
        self._tiler.stop()
        await asyncio.wait([self._tiler.ended], timeout=PATIENCE)


def _unavailable(error: OSError) -> SignerdError:
    return SignerdError(
        Reason.AUDIT_UNAVAILABLE,
        f"files of the audit log can't be written or read: {reason(error)}",
        retry_after=1.0,
    )
