"""From what a door was given to what is signed: one way for every input form, so that none walks around the others."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from signerd.attestation.contents import contents
from signerd.attestation.envelopes import PAE_PREFIX, pae, parse_pae
from signerd.attestation.subjects import Contents
from signerd.core.digests import Digest, Hash
from signerd.core.inputs import Message, Mu, SigningInput
from signerd.errors import Reason, SignerdError


class Dsse(msgspec.Struct, frozen=True, gc=False):
    """Payload and type of a DSSE envelope."""

    payload_type: str
    payload: bytes


GivenInput = Digest | Message | Mu | Dsse
ReadInput = Callable[[], GivenInput | None]
"""Gives the input, None where there is none. Called by the engine, so that what it refuses is on record."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What is signed, and what is known of it: the payload is None where the daemon sees no more than a digest."""

    signing: SigningInput
    payload_type: str
    payload: bytes | None

    @property
    def contents(self) -> Contents | None:
        """What the payload is about, where its type tells how to read it."""
        return None if self.payload is None else contents(self.payload_type, self.payload)


def decode(given: GivenInput | None) -> Decoded:
    """Decode an input. A message that begins like a pre-authentication encoding is read as the envelope it stands for.

    Raises INPUT_MISSING, ENVELOPE_INVALID or PAYLOAD_TYPE_INVALID.
    """
    if isinstance(given, Dsse):
        return Decoded(Message(pae(given.payload_type, given.payload)), given.payload_type, given.payload)
    if isinstance(given, Message):
        return _decoded_message(given)
    if given is None:
        raise SignerdError(Reason.INPUT_MISSING, field="input")
    return Decoded(given, "", None)


def _decoded_message(message: Message) -> Decoded:
    if not message.data.startswith(PAE_PREFIX):
        return Decoded(message, "", message.data)
    payload_type, payload = parse_pae(message.data)
    return Decoded(message, payload_type, payload)


def raw(given: GivenInput | None) -> bytes:
    """The bytes of an input that its CRC32C covers."""
    if given is None:
        return b""
    if isinstance(given, Dsse):
        return given.payload
    return given.data if isinstance(given, Message) else given.value


def described(signing: SigningInput) -> str:
    """How the audit log names what was signed: its digest, SHA-256 for whole messages."""
    if isinstance(signing, Digest):
        return str(signing)
    if isinstance(signing, Mu):
        return f"ml-dsa-mu:{signing.value.hex()}"
    return f"sha256:{Hash.SHA256.digest(signing.data).hex()}"
