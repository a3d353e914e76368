"""Methods of service Keys that make and show keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signerd.authz.identity import Caller
from signerd.core.keys import Key
from signerd.engine.creation import Creator, Encode
from signerd.engine.directory import Directory
from signerd.engine.requests import CreateCall, ReadCall
from signerd.rpc.messages import key_message, position, purpose
from signerd.v1 import admin_pb2, keys_pb2


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
        created = await self.creator.create(caller, call, encoded(keys_pb2.CreateKeyResponse))
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
        created = await self.creator.create(caller, call, encoded(keys_pb2.ImportKeyResponse))
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


def encoded(
    response: type[keys_pb2.CreateKeyResponse]
    | type[keys_pb2.ImportKeyResponse]
    | type[keys_pb2.AdoptKeyResponse]
    | type[admin_pb2.RotateLogKeyResponse],
) -> Encode:
    """What makes the answer to a change, without its place in the audit log."""

    def encode(key: Key, revision: int) -> bytes:
        return response(key=key_message(key), revision=revision).SerializeToString()

    return encode


ANSWERS: Mapping[str, Encode] = {
    "create-key": encoded(keys_pb2.CreateKeyResponse),
    "import-key": encoded(keys_pb2.ImportKeyResponse),
    "rotate-log-key": encoded(admin_pb2.RotateLogKeyResponse),
}
"""What makes the answer, by the kind of change, where it is made without a request at hand."""
