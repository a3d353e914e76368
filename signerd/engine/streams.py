"""Sign a stream in constant memory: what is signed is hashed as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import google_crc32c

from signerd.attestation.envelopes import PAE_PREFIX, check_payload_type, pae_header, parse_pae_header
from signerd.authz.identity import Caller
from signerd.core.algorithms import Family
from signerd.core.hashers import InputHasher, hasher_for
from signerd.core.inputs import Message, SigningInput
from signerd.core.names import check_ids
from signerd.engine.checksums import compare
from signerd.engine.keyring import Keyring, SigningVersion
from signerd.engine.recorder import Facts, Recorder
from signerd.engine.requests import StreamCall
from signerd.errors import Reason, SignerdError

HEADER_BYTES = 512
"""The first bytes of a stream, kept back until it is clear whether they are a pre-authentication encoding."""
INLINE_BYTES = 64 * 1024
"""Longer chunks are hashed in a thread."""


@dataclass(slots=True)
class StreamSigner:
    """Signs streams. `max_payload` is what it holds in memory for algorithms that need the whole message, in bytes."""

    keyring: Keyring
    recorder: Recorder
    max_payload: int

    async def sign(self, caller: Caller, call: StreamCall, chunks: AsyncIterator[bytes]) -> Facts:
        """Sign the chunks; returns after the audit record is durable."""
        operation = "validate" if call.validate_only else "sign-stream"
        facts = Facts(operation, call.key, call.version, call.request_id, call.traceparent)
        async with self.recorder.attempt(caller, facts):
            check_ids(call.request_id, call.traceparent)
            by = await self.keyring.find_signing(call.key, call.version, call.min_revision)
            facts.by = by
            facts.signed = given = await self._consumed(by, call, chunks, facts)
            if not call.validate_only:
                if not by.provider.in_process:
                    await self.recorder.intend(caller, (facts,))
                facts.signature = await by.provider.sign(by.pinned, given)
        return facts

    async def _consumed(
        self, by: SigningVersion, call: StreamCall, chunks: AsyncIterator[bytes], facts: Facts
    ) -> SigningInput:
        intake = Intake(call.length, self._hasher(by, call), call.payload_type)
        async for chunk in chunks:
            if len(chunk) > INLINE_BYTES:
                await asyncio.to_thread(intake.feed, chunk)
            else:
                intake.feed(chunk)
        given = intake.finish(call.checksum)
        facts.payload_type = intake.payload_type
        return given

    def _hasher(self, by: SigningVersion, call: StreamCall) -> InputHasher:
        if call.length < 0:
            raise SignerdError(
                Reason.STREAM_INVALID, f"length {call.length} is negative", field="header.length"
            )
        if by.algorithm.family is not Family.ED25519:
            return hasher_for(by.algorithm, by.public_key)
        if call.length > self.max_payload:
            raise SignerdError(
                Reason.REQUEST_TOO_LARGE,
                f"{by.algorithm} needs the whole message in memory: {call.length} bytes declared, "
                f"limits.payload is {self.max_payload}; use a key with ed25519ph",
                field="header.length",
            )
        return WholeMessage()


@dataclass(slots=True)
class WholeMessage:
    """An InputHasher that keeps the message: pure Ed25519 reads it twice."""

    parts: bytearray = field(default_factory=bytearray)

    def update(self, data: bytes) -> None:
        """Take more bytes."""
        self.parts += data

    def finish(self) -> Message:
        """The message."""
        return Message(bytes(self.parts))


@dataclass(slots=True)
class Intake:
    """Counts, checks and hashes what comes in; a raw stream that is a pre-authentication encoding is read as such."""

    length: int
    hasher: InputHasher
    payload_type: str = ""
    received: int = 0
    crc: int = 0
    held: bytearray | None = None

    def __post_init__(self) -> None:
        if self.payload_type:
            check_payload_type(self.payload_type)
            self.hasher.update(pae_header(self.payload_type, self.length))
        else:
            self.held = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take a chunk; raises STREAM_INVALID when there is more than was declared."""
        self.received += len(chunk)
        if self.received > self.length:
            raise self._wrong_length("more than")
        self.crc = google_crc32c.extend(self.crc, chunk)
        self.hasher.update(chunk)
        if self.held is not None:
            self.held += chunk[: HEADER_BYTES - len(self.held)]
            if len(self.held) == HEADER_BYTES:
                self._decide()

    def finish(self, checksum: int | None) -> SigningInput:
        """What is to be signed; raises STREAM_INVALID or CHECKSUM_MISMATCH."""
        if self.received != self.length:
            raise self._wrong_length(f"{self.received} of")
        if self.held is not None:
            self._decide()
        if checksum is not None:
            compare(self.crc, checksum)
        return self.hasher.finish()

    def _decide(self) -> None:
        held = bytes(self.held or b"")
        self.held = None
        if held.startswith(PAE_PREFIX):
            self.payload_type, payload_length, header_length = parse_pae_header(held)
            if header_length + payload_length != self.length:
                raise SignerdError(
                    Reason.ENVELOPE_INVALID,
                    f"encoding declares {header_length + payload_length} bytes, the stream has {self.length}",
                    field="chunk",
                )

    def _wrong_length(self, came: str) -> SignerdError:
        return SignerdError(
            Reason.STREAM_INVALID,
            f"{came} the {self.length} bytes that the header declares came",
            field="chunk",
        )
