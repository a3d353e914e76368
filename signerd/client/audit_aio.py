"""Reading the audit log: `AsyncClient.audit`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Unpack

from signerd.client import methods
from signerd.client.arguments import CallOptions, FilterOptions, Positions, RecordOptions
from signerd.client.audit_requests import Pauses, export_request, list_request, tail_request
from signerd.client.requests import identified
from signerd.errors import SignerdError
from signerd.v1 import audit_pb2 as pb
from signerd.v1.resources_pb2 import AuditPosition

if TYPE_CHECKING:
    from signerd.client.aio import AsyncClient


class AsyncAudit:
    """The audit log behind a client. Every method raises SignerdError; reading is on record."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list_records(
        self, *, timeout: float | None = None, **options: Unpack[RecordOptions]
    ) -> pb.ListRecordsResponse:
        """A page of records, newest first."""
        return await self._client.call(methods.LIST_RECORDS, list_request(**options), timeout=timeout)

    async def get_record(
        self, shard: str, sequence: int, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> pb.AuditRecord:
        """One record."""
        place = AuditPosition(shard=shard, sequence=sequence)
        request = pb.GetRecordRequest(position=place, **identified(options))
        return (await self._client.call(methods.GET_RECORD, request, timeout=timeout)).record

    async def get_proof(
        self, shard: str, sequence: int, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> pb.GetProofResponse:
        """One record and its `.tlog-proof`; waits for a checkpoint that covers it."""
        place = AuditPosition(shard=shard, sequence=sequence)
        request = pb.GetProofRequest(position=place, **identified(options))
        return await self._client.call(methods.GET_PROOF, request, timeout=timeout)

    async def checkpoints(
        self,
        shard: str = "",
        *,
        fresh: bool = False,
        timeout: float | None = None,
        **options: Unpack[CallOptions],
    ) -> list[pb.LogCheckpoint]:
        """The latest checkpoint of one shard, or of all; `fresh`: after one that covers all records of the worker."""
        request = pb.GetCheckpointRequest(shard=shard, fresh=fresh, **identified(options))
        return list((await self._client.call(methods.GET_CHECKPOINT, request, timeout=timeout)).checkpoints)

    async def log_keys(
        self, *, timeout: float | None = None, **options: Unpack[CallOptions]
    ) -> list[pb.LogKey]:
        """The public keys of all shards."""
        request = pb.ListLogKeysRequest(**identified(options))
        return list((await self._client.call(methods.LIST_LOG_KEYS, request, timeout=timeout)).keys)

    async def tail(
        self,
        *,
        after: Positions | None = None,
        heartbeat: float = 15.0,
        patience: float = 60.0,
        **options: Unpack[FilterOptions],
    ) -> AsyncGenerator[pb.TailRecordsResponse, None]:
        """Records as they come, from now on or behind `after`; heartbeats have positions only.

        Goes on by itself after an interruption, without a gap; raises after `patience` seconds of tries in vain.
        """
        have, pauses = dict(after or {}), Pauses(patience)
        while True:
            try:
                request = tail_request(have, heartbeat, options)
                async with aclosing(self._client.receive(methods.TAIL_RECORDS, request)) as coming:
                    async for message in coming:
                        have |= {one.shard: one.sequence for one in message.positions}
                        pauses.worked()
                        yield message
            except SignerdError as error:
                await asyncio.sleep(pauses.after(error))

    async def export(
        self,
        *,
        after: Positions | None = None,
        patience: float = 60.0,
        **options: Unpack[FilterOptions],
    ) -> AsyncGenerator[pb.ExportRecordsResponse, None]:
        """All records that are there, in the order of each shard's log, byte for byte.

        Goes on by itself after an interruption, as `tail`; who gets to the end without an error has them all.
        """
        have, pauses = dict(after or {}), Pauses(patience)
        while True:
            try:
                request = export_request(have, options)
                async with aclosing(self._client.receive(methods.EXPORT_RECORDS, request)) as coming:
                    async for message in coming:
                        have[message.position.shard] = message.position.sequence
                        pauses.worked()
                        yield message
                return
            except SignerdError as error:
                await asyncio.sleep(pauses.after(error))
