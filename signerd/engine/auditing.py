"""Reading the audit log for callers; reading it is on record too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from signerd.audit.fetching import fetch
from signerd.audit.filters import ALL, Filter
from signerd.audit.index.queries import Match
from signerd.audit.index.tables import LAST_SEQUENCE
from signerd.audit.log import Log
from signerd.audit.reading import shards_in
from signerd.authz.identity import Caller
from signerd.core.keys import State
from signerd.engine.directory import check_call, check_page_size
from signerd.engine.log_key import LogKey, vkey
from signerd.engine.proving import Prover
from signerd.engine.record_filters import check_filter
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import ReadCall
from signerd.engine.searching import AuditIndex, FoundPage
from signerd.errors import Reason, SignerdError
from signerd.state.checkpoints import Checkpoints, KeptCheckpoint
from signerd.state.shards import Shards

MAX_PAGE: Final = 1000
DEFAULT_PAGE: Final = 50


class ListCall(ReadCall):
    """A page of records; size 0 is 50, at most 1,000."""

    size: int = 0
    token: str = ""
    wanted: Filter = ALL


@dataclass(frozen=True, slots=True)
class ShownKey:
    """The public key of a version of the log key, for one shard."""

    shard: str
    version: int
    state: State
    primary: bool
    vkey: str


@dataclass(slots=True)
class AuditReader:
    """Reads all shards in `directory`; `log` is the shard of this worker."""

    directory: Path
    log: Log
    recorder: Recorder
    prover: Prover
    key: LogKey
    checkpoints: Checkpoints
    shards: Shards
    index: AuditIndex = field(init=False)

    def __post_init__(self) -> None:
        self.index = AuditIndex(self.directory, self.log)

    async def page(self, caller: Caller, call: ListCall) -> FoundPage:
        """A page of the records that a filter lets pass, newest first."""
        facts = Facts("list-records", call.wanted.key, 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            check_page_size(call.size, MAX_PAGE)
            check_filter(call.wanted)
            return await self.index.page(call.wanted, call.size or DEFAULT_PAGE, call.token)

    async def record(self, caller: Caller, call: ReadCall, shard: str, sequence: int) -> Match:
        """One record; raises AUDIT_RECORD_NOT_FOUND."""
        facts = Facts("get-record", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            return await self._found(shard, sequence)

    async def proof(
        self, caller: Caller, call: ReadCall, place: tuple[str, int], seconds: float
    ) -> tuple[Match, str]:
        """One record and its proof; waits so long for a checkpoint. Raises AUDIT_RECORD_NOT_FOUND and as Prover."""
        facts = Facts("prove-record", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            found = await self._found(*place)
            return found, (await self.prover.proofs(found.shard, [found.sequence], seconds))[0]

    async def _found(self, shard: str, sequence: int) -> Match:
        own = (lambda: self.log.end) if shard == self.log.shard else None
        if 0 < sequence <= LAST_SEQUENCE and shard in await asyncio.to_thread(shards_in, self.directory):
            found = await asyncio.to_thread(fetch, self.directory / shard, [sequence], own)
            if sequence in found:
                return Match(shard, sequence, found[sequence])
        raise SignerdError(
            Reason.AUDIT_RECORD_NOT_FOUND, f"no record {sequence} in shard {shard[:64]!r}", field="position"
        )

    async def latest(
        self, caller: Caller, call: ReadCall, shard: str, fresh: float | None
    ) -> Sequence[KeptCheckpoint]:
        """The latest checkpoint of a shard, or of all; `fresh`: seconds to wait for a new one of this worker's."""
        facts = Facts("get-checkpoint", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            if fresh is not None:
                await self.prover.covering(self.log.shard, self.log.sequence, fresh)
            known = await self.checkpoints.all()
        if shard and shard not in known:
            raise SignerdError(
                Reason.AUDIT_RECORD_NOT_FOUND, f"no checkpoint of shard {shard[:64]!r}", field="shard"
            )
        return [one for name, one in sorted(known.items()) if shard in ("", name)]

    async def keys(self, caller: Caller, call: ReadCall) -> Sequence[ShownKey]:
        """The public keys of all shards; none where there is no log key."""
        facts = Facts("list-log-keys", "", 0, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_call(call)
            await self.key.keyring.reload()
            key = self.key.known()
            names = [one.name for one in await self.shards.all()]
        instance = self.log.origin.rpartition("/")[0]
        if key is None:
            return []
        return [
            ShownKey(name, one.number, one.state, one.number == key.primary, vkey(f"{instance}/{name}", one))
            for name in sorted(names)
            for one in key.versions
        ]
