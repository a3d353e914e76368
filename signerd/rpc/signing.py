"""The methods of service Signer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from signerd.authz.identity import Caller
from signerd.core.jwks import jwk
from signerd.core.names import check_ids
from signerd.core.public_keys import pem
from signerd.engine.directory import Directory
from signerd.engine.keyring import SigningVersion
from signerd.engine.proving import Prover
from signerd.engine.recorder import Facts
from signerd.engine.requests import ReadCall, SignCall, StreamCall
from signerd.engine.signer import Signer, check_batch_size
from signerd.engine.streams import StreamSigner
from signerd.engine.turns import Turns
from signerd.engine.verifier import Verifier
from signerd.errors import Reason, SignerdError
from signerd.rpc.calls import Lingering
from signerd.rpc.deadlines import seconds_left
from signerd.rpc.messages import (
    STATE_NUMBERS,
    fill_response,
    position,
    sign_call,
    sign_response,
    verify_call,
)
from signerd.rpc.status import to_status
from signerd.v1 import signer_pb2 as pb

BATCH_ITEMS = 10_000
"""Items of batches that are under way at once: each takes some KiB until its answer is sent."""
IDLE = 30.0
"""Seconds that a stream may wait for its next message."""


@dataclass(slots=True)
class SigningMethods:
    """Sign, BatchSign, SignStream, Verify, PublicKey: from bytes to bytes."""

    signer: Signer
    streams: StreamSigner
    verifier: Verifier
    directory: Directory
    shard: str
    prover: Prover
    turns: Turns = field(default_factory=lambda: Turns(BATCH_ITEMS))

    async def sign(self, caller: Caller, request: pb.SignRequest) -> bytes:
        """Sign one input."""
        signed = await self.signer.sign(caller, sign_call(request))
        response = sign_response(signed, self.shard, request.HasField("input_crc32c"))
        if request.want_proof:
            await self._prove([response])
        return response.SerializeToString()

    async def _prove(self, responses: Sequence[pb.SignResponse]) -> None:
        """Put proofs into answers, or why there are none: what was signed is on record, and is not held back."""
        if not responses:
            return
        try:
            found = await self.prover.proofs(
                self.shard, [one.audit.sequence for one in responses], seconds_left()
            )
        except Exception as problem:  # noqa: BLE001 - whatever it is, the signatures are good
            why = self.signer.recorder.failure(problem).message
            for response in responses:
                response.proof_problem = why
            return
        for response, proof in zip(responses, found, strict=True):
            response.proof = proof

    async def batch_sign(self, caller: Caller, request: pb.BatchSignRequest) -> bytes:
        """Sign many inputs."""
        try:
            check_batch(request)
        except SignerdError as error:
            refused = Facts(
                "sign", request_id=request.request_id, traceparent=request.traceparent, error=error
            )
            await self.signer.recorder.note(caller, refused)
            raise
        async with self.turns.of(len(request.items)):
            self.signer.recorder.check_batch(caller)
            calls = [batch_item(request, index, item) for index, item in enumerate(request.items)]
            await self.signer.sign_batch(caller, calls)
            response = self._batch_response(calls)
        await self._prove(
            [
                result.response
                for item, result in zip(request.items, response.results, strict=True)
                if item.want_proof and result.HasField("response")
            ]
        )
        if any(call.error is not None and call.error.counted for call in calls):
            raise Lingering(response.SerializeToString())
        return response.SerializeToString()

    def _batch_response(self, calls: Sequence[SignCall]) -> pb.BatchSignResponse:
        response = pb.BatchSignResponse()
        for call in calls:
            if call.error is not None:
                response.results.add(error=to_status(call.error, call.request_id))
            else:
                fill_response(response.results.add().response, call, self.shard, call.checksum is not None)
        return response

    async def sign_stream(self, caller: Caller, messages: AsyncIterator[bytes]) -> bytes:
        """Sign a stream."""
        parts = stream_parts(messages)
        first = await anext(parts, None)
        if not isinstance(first, pb.SignStreamHeader):
            raise SignerdError(Reason.STREAM_INVALID, "the first message is no header", field="header")
        signed = await self.streams.sign(caller, stream_call(first), stream_chunks(parts))
        response = sign_response(signed, self.shard, first.HasField("input_crc32c"))
        if first.want_proof:
            await self._prove([response])
        return pb.SignStreamResponse(response=response).SerializeToString()

    async def verify(self, caller: Caller, request: pb.VerifyRequest) -> bytes:
        """Verify a signature."""
        verified = await self.verifier.verify(caller, verify_call(request))
        return pb.VerifyResponse(
            key_version=verified.by.name,
            algorithm=verified.by.algorithm.name,
            key_id=verified.by.key_id,
            audit=position(self.shard, verified.sequence),
        ).SerializeToString()

    async def public_key(self, caller: Caller, request: pb.PublicKeyRequest) -> bytes:
        """Give public keys."""
        call = ReadCall(
            request.key, request.version, request.request_id, request.traceparent, request.min_revision
        )
        found = await self.directory.public_keys(caller, call, request.all)
        return pb.PublicKeyResponse(
            versions=[public_key_message(by) for by in found.versions],
            audit=position(self.shard, found.sequence),
        ).SerializeToString()


def check_batch(request: pb.BatchSignRequest) -> None:
    """Raise REQUEST_ID_INVALID, TRACEPARENT_INVALID or BATCH_SIZE_INVALID."""
    check_ids(request.request_id, request.traceparent)
    check_batch_size(len(request.items))


def batch_item(request: pb.BatchSignRequest, index: int, item: pb.SignRequest) -> SignCall:
    """An item as a call; what it lacks is taken from the batch."""
    call = sign_call(item)
    if not call.request_id and request.request_id:
        call.request_id = f"{request.request_id[:60]}.{index}"
    call.traceparent = call.traceparent or request.traceparent
    return call


def stream_call(header: pb.SignStreamHeader) -> StreamCall:
    """The header of a stream as the engine takes it."""
    return StreamCall(
        header.key,
        header.version,
        header.length,
        header.payload_type,
        header.validate_only,
        header.request_id,
        header.traceparent,
        header.min_revision,
        header.input_crc32c if header.HasField("input_crc32c") else None,
    )


async def stream_parts(messages: AsyncIterator[bytes]) -> AsyncIterator[pb.SignStreamHeader | bytes]:
    """Header and chunks of a stream; raises REQUEST_MALFORMED or STREAM_INVALID."""
    async for raw in prompt(messages):
        try:
            message = pb.SignStreamRequest.FromString(raw)
        except DecodeError:
            raise SignerdError(Reason.REQUEST_MALFORMED, "not a signerd.v1.SignStreamRequest") from None
        which = message.WhichOneof("part")
        if which is None:
            raise SignerdError(Reason.STREAM_INVALID, "a message has neither header nor chunk", field="part")
        yield message.header if which == "header" else message.chunk


async def prompt(messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The messages, each within the idle limit: who only holds a stream open takes the place of others."""
    coming = aiter(messages)
    while True:
        try:
            async with asyncio.timeout(IDLE):
                raw = await anext(coming, None)
        except TimeoutError:
            raise SignerdError(
                Reason.STREAM_INVALID, f"nothing came for {IDLE:g} seconds", field="chunk"
            ) from None
        if raw is None:
            return
        yield raw


async def stream_chunks(parts: AsyncIterator[pb.SignStreamHeader | bytes]) -> AsyncIterator[bytes]:
    """The chunks behind the header; raises STREAM_INVALID at a second header."""
    async for part in parts:
        if not isinstance(part, bytes):
            raise SignerdError(Reason.STREAM_INVALID, "there is a second header", field="header")
        yield part


def public_key_message(by: SigningVersion) -> pb.PublicKeyVersion:
    """The public key of a version in every form."""
    return pb.PublicKeyVersion(
        key_version=by.name,
        algorithm=by.algorithm.name,
        state=STATE_NUMBERS[by.version.state],
        primary=by.version.number == by.key.primary,
        pem=pem(by.version.public_key),
        der=by.version.public_key,
        jwk=json.dumps(jwk(by.public_key, by.algorithm)),
        key_id=by.key_id,
        ssh_fingerprint=by.ssh_fingerprint,
    )
