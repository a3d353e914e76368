"""Finds audit records through the index, which is brought up to date for whoever asks, and when little goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from signerd.audit.filters import Filter, facets_of
from signerd.audit.index.files import Ruined, Unusable
from signerd.audit.index.filling import Filler
from signerd.audit.index.queries import Match, Matches, cursor_of, search, token_of
from signerd.audit.log import Log
from signerd.audit.reading import list_records
from signerd.errors import Reason, SignerdError

SLICE: Final = 0.25
"""Seconds of one go at the index."""
PATIENCE: Final = 5.0
"""Seconds that somebody who asks waits for the index."""
TICK: Final = 5.0
QUIET: Final = 100
"""Records in a tick below which there is little to do."""
GENTLE: Final = 4.0
PROMPT: Final = 1.0
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Records, newest first; the token asks for the next page, empty on the last."""

    records: Sequence[Match]
    next_token: str


@dataclass(slots=True)
class AuditIndex:
    """The index of all shards in `directory`; `log` is the shard of this worker."""

    directory: Path
    log: Log
    _filler: Filler = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _problem: str = ""

    def __post_init__(self) -> None:
        self._filler = Filler(self.directory, {self.log.shard: lambda: self.log.end})

    async def page(self, wanted: Filter, size: int, token: str) -> FoundPage:
        """The next `size` records that match.

        Where the index can't be written, at most 100,000 records are looked through for a page. Raises PAGE_INVALID,
        AUDIT_INDEX_BEHIND, AUDIT_CORRUPT, DEADLINE, AUDIT_UNAVAILABLE.
        """
        try:
            cursor = cursor_of(token)
        except ValueError:
            return await self._scanned(wanted, size, token)
        try:
            await self._catch_up()
            found = await asyncio.to_thread(search, self.directory, wanted, size, cursor, self._filler.own)
        except (Unusable, OSError) as error:
            self._tell(str(error))
            return await self._scanned(wanted, size, token)
        except Ruined:
            found = Matches([], None, stale=True)
        if found.stale:
            await self._begin_anew()
        return FoundPage(found.records, token_of(found.next))

    async def _scanned(self, wanted: Filter, size: int, token: str) -> FoundPage:
        try:
            page = await asyncio.to_thread(
                list_records,
                self.directory,
                page_size=size,
                page_token=token,
                predicate=lambda entry: wanted.matches(facets_of(entry.json)),
                own={self.log.shard: self.log.end},
            )
        except OSError as error:
            raise SignerdError(
                Reason.AUDIT_UNAVAILABLE, f"the audit log can't be read: {error.strerror}", retry_after=1.0
            ) from None
        found = [Match(one.record.shard, one.record.sequence, one.json) for one in page.entries]
        return FoundPage(found, page.next_token)

    async def _catch_up(self) -> None:
        if self.log.scarce:
            raise Unusable(self.log.scarce)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not await self._fill(PROMPT):
                    pass
                return
        self._wanted.set()
        raise SignerdError(Reason.AUDIT_INDEX_BEHIND, retry_after=1.0)

    async def _fill(self, rest: float) -> bool:
        async with self._turn:
            self._filler.rest = rest
            # Cancelled or not, the thread goes on: nobody else may have the index meanwhile.
            filling = asyncio.ensure_future(asyncio.to_thread(self._filler.fill, SLICE))
            try:
                return await asyncio.shield(filling)
            except asyncio.CancelledError:
                await asyncio.wait([filling])
                raise

    async def _begin_anew(self) -> None:
        logger.warning("the index of the audit log does not match the log, and is made anew")
        async with self._turn:
            await asyncio.to_thread(self._filler.discard)
        self._wanted.set()
        raise SignerdError(Reason.AUDIT_INDEX_BEHIND, retry_after=1.0)

    async def run(self) -> None:
        """Keep the index near the log until cancelled: when somebody waited in vain, or there is little to do."""
        seen = self.log.sequence
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._wanted.wait()
            quiet, seen = self.log.sequence - seen < QUIET, self.log.sequence
            if self._wanted.is_set():
                self._wanted.clear()
                await self._work(PROMPT)
            elif quiet:
                await self._work(GENTLE, most=self.log.sequence + QUIET)

    async def _work(self, rest: float, most: int | None = None) -> None:
        """Fill until all is in it, or this log has so many records: then there is something better to do."""
        try:
            while not self.log.scarce and (most is None or self.log.sequence < most):
                if await self._fill(rest):
                    return self._tell("")
        except (Unusable, Ruined, OSError, SignerdError) as error:
            self._tell(str(error))

    def _tell(self, problem: str) -> None:
        if problem and problem != self._problem:
            logger.warning("the index of the audit log can't be kept", problem=problem)
        self._problem = problem
