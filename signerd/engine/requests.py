"""What doors ask of the engine, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from signerd.core.digests import Digest
from signerd.core.inputs import Message, Mu
from signerd.core.keys import Purpose
from signerd.engine.keyring import SigningVersion
from signerd.errors import SignerdError


class Dsse(msgspec.Struct, frozen=True, gc=False):
    """Payload and type of a DSSE envelope."""

    payload_type: str
    payload: bytes


GivenInput = Digest | Message | Mu | Dsse
ReadInput = Callable[[], GivenInput | None]
"""Gives the input, None where there is none. Called by the engine, so that what it refuses is on record."""


class SignCall(msgspec.Struct):
    """One signature asked for; `checksum` is the CRC32C that the input must have."""

    key: str
    version: int
    read_input: ReadInput
    validate_only: bool = False
    request_id: str = ""
    traceparent: str = ""
    min_revision: int = 0
    checksum: int | None = None


class Signed(msgspec.Struct):
    """A signature whose record is durable, at `sequence` of this worker's log: it may be released."""

    signature: bytes
    by: SigningVersion
    sequence: int


class Unsigned(msgspec.Struct):
    """No signature, and why; on record too."""

    error: SignerdError
    sequence: int


class VerifyCall(msgspec.Struct):
    """One signature to verify; version 0 tries every one that verifies, `p1363` reads ECDSA as r||s."""

    key: str
    version: int
    read_input: ReadInput
    signature: bytes
    p1363: bool = False
    request_id: str = ""
    traceparent: str = ""
    min_revision: int = 0


class StreamCall(msgspec.Struct):
    """The header of a stream to sign; `length` in bytes."""

    key: str
    version: int
    length: int
    payload_type: str = ""
    validate_only: bool = False
    request_id: str = ""
    traceparent: str = ""
    min_revision: int = 0
    checksum: int | None = None


class ReadCall(msgspec.Struct):
    """A request that names at most a key and changes nothing."""

    key: str = ""
    version: int = 0
    request_id: str = ""
    traceparent: str = ""
    min_revision: int = 0


@dataclass(frozen=True, slots=True)
class CreateCall:
    """A key to make, or to take in where `private_key` (PEM) is set."""

    name: str
    algorithm: str = ""
    purpose: Purpose = Purpose.ARTIFACT
    provider: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    traceparent: str = ""
    private_key: bytes | None = field(default=None, repr=False)
    password: bytes | None = field(default=None, repr=False)
