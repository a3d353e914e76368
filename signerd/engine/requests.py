"""What doors ask of the engine, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from signerd.core.keys import Purpose
from signerd.core.signatures import Sign
from signerd.engine.payloads import ReadInput
from signerd.engine.recorder import Facts


class SignCall(Facts):
    """One signature asked for, and what comes of it.

    `checksum` is the CRC32C that the input must have, `sign` makes the signature where that takes no waiting.
    """

    operation: str = "sign"
    read_input: ReadInput = lambda: None
    validate_only: bool = False
    min_revision: int = 0
    checksum: int | None = None
    sign: Sign | None = None


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


@dataclass(frozen=True, slots=True)
class AdoptCall:
    """Key material to take over; `public_only` takes its public key and nothing else."""

    name: str
    uri: str
    provider: str = ""
    algorithm: str = ""
    public_only: bool = False
    purpose: Purpose = Purpose.ARTIFACT
    labels: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    traceparent: str = ""
