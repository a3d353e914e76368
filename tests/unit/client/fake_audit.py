# ruff: noqa: N802
"""Service Audit of the fake daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from signerd.v1 import audit_pb2_grpc
from signerd.v1.audit_pb2 import (
    AuditRecord,
    GetCheckpointResponse,
    GetProofResponse,
    GetRecordResponse,
    ListLogKeysResponse,
    ListRecordsResponse,
    LogCheckpoint,
    LogKey,
    TailRecordsResponse,
)
from signerd.v1.resources_pb2 import AuditPosition

RECORD = AuditRecord(
    position=AuditPosition(shard="w0", sequence=7), operation="sign", outcome="ok", json='{"v":1}'
)

NOTE = "instance/w0\n7\n" + "A" * 43 + "=\n\n\u2014 instance/w0 AAAA\n"


class AuditServicer(audit_pb2_grpc.AuditServicer):
    daemon: Any

    async def ListRecords(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer(
            "ListRecords", request, context, ListRecordsResponse(records=[RECORD])
        )

    async def GetRecord(self, request: Any, context: Any) -> Any:
        return await self.daemon.answer("GetRecord", request, context, GetRecordResponse(record=RECORD))

    async def GetProof(self, request: Any, context: Any) -> Any:
        answer = GetProofResponse(proof="c2sp.org/tlog-proof@v1\n", record=RECORD)
        return await self.daemon.answer("GetProof", request, context, answer)

    async def GetCheckpoint(self, request: Any, context: Any) -> Any:
        made = LogCheckpoint(shard="w0", origin="instance/w0", size=7, root=bytes(32), note=NOTE)
        return await self.daemon.answer(
            "GetCheckpoint", request, context, GetCheckpointResponse(checkpoints=[made])
        )

    async def ListLogKeys(self, request: Any, context: Any) -> Any:
        keys = [
            LogKey(shard="w0", version=1, vkey="instance/w0+abcd+AQID"),
            LogKey(shard="w0", version=2, primary=True, vkey="instance/w0+bcde+AQIE"),
        ]
        return await self.daemon.answer("ListLogKeys", request, context, ListLogKeysResponse(keys=keys))

    async def TailRecords(self, request: Any, context: Any) -> AsyncIterator[Any]:
        usual = [TailRecordsResponse()]
        for answer in await self.daemon.answer("TailRecords", request, context, usual):
            yield await self.daemon.scripted(answer, context)

    async def ExportRecords(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for answer in await self.daemon.answer("ExportRecords", request, context, []):
            yield await self.daemon.scripted(answer, context)
