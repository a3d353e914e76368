"""The methods of services Keys, Audit and Admin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.core.keys import Key
from signerd.engine.auditing import AuditReader, Found
from signerd.engine.creation import Creator
from signerd.engine.directory import Directory
from signerd.engine.requests import CreateCall, ReadCall
from signerd.engine.status import Status, StatusReader
from signerd.rpc.messages import key_message, position, purpose
from signerd.v1 import admin_pb2, audit_pb2, keys_pb2


@dataclass(slots=True)
class KeysMethods:
    """CreateKey, ImportKey, GetKey, ListKeys: from bytes to bytes."""

    creator: Creator
    directory: Directory
    shard: str

    async def create(self, caller: Caller, request: keys_pb2.CreateKeyRequest) -> bytes:
        """Make a key."""
        call = CreateCall(
            name=request.name,
            algorithm=request.algorithm,
            purpose=purpose(request.purpose),
            provider=request.provider,
            labels=dict(request.labels),
            request_id=request.request_id,
            traceparent=request.traceparent,
        )
        created = await self.creator.create(caller, call, _created(keys_pb2.CreateKeyResponse))
        response = keys_pb2.CreateKeyResponse.FromString(created.answer)
        response.audit.CopyFrom(position(self.shard, created.sequence))
        return response.SerializeToString()

    async def import_key(self, caller: Caller, request: keys_pb2.ImportKeyRequest) -> bytes:
        """Take in a private key."""
        call = CreateCall(
            name=request.name,
            algorithm=request.algorithm,
            purpose=purpose(request.purpose),
            provider=request.provider,
            labels=dict(request.labels),
            request_id=request.request_id,
            traceparent=request.traceparent,
            private_key=request.private_key,
            password=request.password or None,
        )
        created = await self.creator.create(caller, call, _created(keys_pb2.ImportKeyResponse))
        response = keys_pb2.ImportKeyResponse.FromString(created.answer)
        response.audit.CopyFrom(position(self.shard, created.sequence))
        return response.SerializeToString()

    async def get(self, caller: Caller, request: keys_pb2.GetKeyRequest) -> bytes:
        """Show a key."""
        call = ReadCall(
            request.name,
            request_id=request.request_id,
            traceparent=request.traceparent,
            min_revision=request.min_revision,
        )
        key = await self.directory.key(caller, call)
        revision = self.directory.keyring.revision
        return keys_pb2.GetKeyResponse(key=key_message(key), revision=revision).SerializeToString()

    async def list(self, caller: Caller, request: keys_pb2.ListKeysRequest) -> bytes:
        """List keys."""
        call = ReadCall(
            request_id=request.request_id,
            traceparent=request.traceparent,
            min_revision=request.min_revision,
        )
        page = await self.directory.page(caller, call, request.page_size, request.page_token)
        return keys_pb2.ListKeysResponse(
            keys=[key_message(key) for key in page.keys],
            next_page_token=page.next_name,
            revision=page.revision,
        ).SerializeToString()


def _created(
    response: type[keys_pb2.CreateKeyResponse] | type[keys_pb2.ImportKeyResponse],
) -> Callable[[Key, int], bytes]:
    def encode(key: Key, revision: int) -> bytes:
        return response(key=key_message(key), revision=revision).SerializeToString()

    return encode


@dataclass(slots=True)
class AuditMethods:
    """ListRecords, GetRecord: from bytes to bytes."""

    reader: AuditReader

    async def list(self, caller: Caller, request: audit_pb2.ListRecordsRequest) -> bytes:
        """List records."""
        call = ReadCall(request.key, request_id=request.request_id, traceparent=request.traceparent)
        page = await self.reader.page(caller, call, request.page_size, request.page_token, request.outcome)
        return audit_pb2.ListRecordsResponse(
            records=[record_message(found) for found in page.records], next_page_token=page.next_token
        ).SerializeToString()

    async def get(self, caller: Caller, request: audit_pb2.GetRecordRequest) -> bytes:
        """Give one record."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        found = await self.reader.record(caller, call, request.position.shard, request.position.sequence)
        return audit_pb2.GetRecordResponse(record=record_message(found)).SerializeToString()


def record_message(found: Found) -> audit_pb2.AuditRecord:
    """A record with its main fields and its exact bytes."""
    record = found.record
    named = f"keys/{record.key}/versions/{record.version}" if record.version else record.key
    message = audit_pb2.AuditRecord(
        position=position(record.shard, record.sequence),
        operation=record.operation,
        outcome=record.outcome,
        reason=record.reason,
        caller=record.caller,
        key_version=named,
        request_id=record.request_id,
        json=found.json.decode(),
    )
    message.time.FromJsonString(record.time)
    return message


@dataclass(slots=True)
class AdminMethods:
    """GetStatus: from bytes to bytes."""

    status: StatusReader

    async def get(self, caller: Caller, request: admin_pb2.GetStatusRequest) -> bytes:
        """Give the status of this worker."""
        call = ReadCall(request_id=request.request_id, traceparent=request.traceparent)
        return status_message(await self.status.read(caller, call), caller).SerializeToString()


def status_message(status: Status, caller: Caller) -> admin_pb2.GetStatusResponse:
    """A status as it goes over the wire."""
    message = admin_pb2.GetStatusResponse(
        version=status.version,
        serving=status.serving,
        worker=status.worker,
        workers=status.workers,
        revision=status.revision,
        keys=status.keys,
        providers=[
            admin_pb2.ProviderStatus(name=name, type=type_, healthy=health.healthy, detail=health.detail)
            for name, type_, health in status.providers
        ],
        audit=admin_pb2.AuditStatus(
            shard=status.shard,
            sequence=status.sequence,
            healthy=status.audit_healthy,
            detail=status.audit_detail,
        ),
        warnings=status.warnings,
        caller=caller.subject,
    )
    message.start_time.FromDatetime(status.started)
    return message
