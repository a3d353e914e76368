"""Which shard a worker writes: its own of before, unless the log there was cut, put back or copied; then a new one.

What a log must not be shorter than is known to the state database, the mirror and the witnesses. All are asked before
anything is appended, the latter two for a few seconds at most.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import structlog

from signerd.audit import checkpoints, claims
from signerd.audit.checkpoints import Checkpoint
from signerd.audit.claims import Mark
from signerd.audit.log import Log
from signerd.audit.reading import list_records
from signerd.audit.tree import TreeHead
from signerd.engine.outside import Outside
from signerd.errors import Reason, SignerdError
from signerd.state.checkpoints import Checkpoints
from signerd.state.shards import Claim, Shards

logger = structlog.get_logger(__name__)
BEGUN: Final = "shard-begun"
GIVEN_UP: Final = "it was given up, since others have a checkpoint that is not of this log"
ATTEMPTS: Final = 8
"""Names that are tried before it is given up: a mirror may know more of them than a database that was put back."""


@dataclass(frozen=True, slots=True)
class Before:
    """The shard that this one follows, why it is not gone on with, and the newest checkpoint known of it."""

    shard: str
    why: str
    last: Checkpoint | None = None

    def text(self) -> str:
        """What the first record of the new shard says."""
        if self.last is None:
            return f"after {self.shard}, of which no checkpoint is known: {self.why}"
        root, note = base64.b64encode(self.last.root).decode(), sha256(self.last.note).hexdigest()
        return (
            f"after {self.shard}, last known with {self.last.size} records,"
            f" root {root}, SHA-256 of the note {note}: {self.why}"
        )


@dataclass(frozen=True, slots=True)
class OpenedShard:
    """An open log, its newest checkpoint, what it follows if it is new, and the state revision that records know of."""

    log: Log
    outside: Outside
    latest: Checkpoint | None = None
    before: Before | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """The audit directory, what names of this worker's shards begin with, and where that is: host and path."""

    directory: Path
    base: str
    where: str


@dataclass(slots=True)
class Opener:
    """Opens the shard of a worker. `open` opens a log by its name, given known heads; `outside` tells of a name.

    `load` raises STATE_TAMPERED where the state is older than a revision.
    """

    shards: Shards
    state: Checkpoints
    place: Place
    instance: str
    open: Callable[[str, Sequence[TreeHead]], Awaitable[Log]]
    outside: Callable[[str], Outside]
    load: Callable[[int], Awaitable[object]]

    async def opened(self) -> OpenedShard:
        """The shard of before, or a new one.

        Raises HOME_IN_USE, what opening a log does, STATE_UNAVAILABLE and STATE_TAMPERED.
        """
        try:
            lock = await asyncio.to_thread(claims.lock, self.place.directory, self.place.base)
            try:
                return await self._opened()
            finally:
                os.close(lock)
        except OSError as error:
            raise SignerdError(
                Reason.AUDIT_UNAVAILABLE,
                f"the audit log in {self.place.directory} can't be opened: {error.strerror}",
            ) from None

    async def _opened(self) -> OpenedShard:
        claimed = [one for one in await self.shards.all() if one.base == self.place.base]
        known = await asyncio.to_thread(self._marks, claimed)
        mine = [one for one in claimed if not one.ended and known.get(one.name) == Mark(one.token, one.inode)]
        if not mine:
            return await self._new(known, await self._lost(claimed, known))
        found = await self._reopened(mine[-1])
        if isinstance(found, OpenedShard):
            return found
        await self.shards.end(found.shard)
        return await self._new(known, found)

    def _marks(self, claimed: Sequence[Claim]) -> dict[str, Mark]:
        """The directories there are, after one that was claimed and had not its name yet got it."""
        directory, base = self.place.directory, self.place.base
        staged = claims.staged(directory, base)
        for claim in claimed:
            if staged == Mark(claim.token, claim.inode):
                claims.settle(directory, base, claim.name)
        return claims.marks(directory, base)

    async def _reopened(self, claim: Claim) -> OpenedShard | Before:
        outside = self.outside(claim.name)
        kept, copied = await self._kept(claim.name), await outside.copied()
        latest = max((one for one in (kept, copied) if one), key=lambda one: one.size, default=None)
        heads = [one.head for one in (kept, copied) if one]
        try:
            log = await self.open(claim.name, heads)
        except SignerdError as error:
            if error.reason is not Reason.AUDIT_INCONSISTENT:
                raise
            await outside.close()
            return Before(claim.name, error.message, latest)
        own = max((one for one in (kept, log.published) if one), key=lambda one: one.size, default=None)
        why = await outside.disowned(own, log) if own else ""
        if why:
            await log.close()
            await outside.close()
            return Before(claim.name, why, latest)
        return OpenedShard(log, outside, own, revision=log.revision)

    async def _kept(self, shard: str) -> Checkpoint | None:
        kept = (await self.state.all()).get(shard)
        return checkpoints.parse(kept.note, checkpoints.origin(self.instance, shard)) if kept else None

    async def _lost(self, claimed: Sequence[Claim], known: Mapping[str, Mark]) -> Before | None:
        """What became of the shard before, if there was one: somebody else's claims say nothing."""
        for claim in reversed(claimed):
            mark = known.get(claim.name)
            if mark is not None and mark.token == claim.token:
                why = GIVEN_UP if claim.ended else "its directory is a copy"
                return Before(claim.name, why, await self._kept(claim.name))
            if claim.place == self.place.where:
                why = "its directory is gone" if mark is None else "its directory is another one"
                return Before(claim.name, why, await self._kept(claim.name))
        unclaimed = sorted(known)
        return Before(unclaimed[-1], "the state database does not know it") if unclaimed else None

    async def _new(self, known: Mapping[str, Mark], before: Before | None) -> OpenedShard:
        revision = await asyncio.to_thread(newest_revision, self.place.directory)
        await self.load(revision)  # else a wrong database would leave an empty shard beside somebody's log
        name, outside = await self._claimed({*known})
        log = await self.open(name, ())
        if before is not None:
            logger.warning("a new shard of the audit log is begun", shard=name, reason=before.text())
        return OpenedShard(log, outside, None, before, revision)

    async def _claimed(self, taken: set[str]) -> tuple[str, Outside]:
        """A name that nobody had, as far as the state and the mirror know, and its directory."""
        directory, base = self.place.directory, self.place.base
        for _ in range(ATTEMPTS):
            mark = await asyncio.to_thread(claims.stage, directory, base)
            wanted = Claim("", base, mark.token, mark.inode, self.place.where)
            claim = await self.shards.claim(wanted, taken)
            await asyncio.to_thread(claims.settle, directory, base, claim.name)
            outside = self.outside(claim.name)
            if await outside.copied() is None:
                return claim.name, outside
            await outside.close()
            await self.shards.end(claim.name)
            taken.add(claim.name)
        raise SignerdError(
            Reason.AUDIT_UNAVAILABLE,
            f"the mirror knows every shard of {base} that could be begun; empty it, or give it another prefix",
        )


def newest_revision(directory: Path) -> int:
    """State revision of the newest record of any shard here, 0 where none can be read."""
    try:
        found = list_records(directory, page_size=1).entries
    except (SignerdError, OSError):
        return 0
    return found[0].record.revision if found else 0
