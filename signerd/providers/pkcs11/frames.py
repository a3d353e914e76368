"""What the daemon and the PKCS#11 worker process say to each other: MessagePack with a length before each message.

Loaded by both ends: it must stay light.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

_LENGTH = 4
MAX_FRAME = 64 * 1024 * 1024


class Kind(StrEnum):
    """What became of a request that failed."""

    UNAVAILABLE = "unavailable"
    PIN = "pin"
    DENIED = "denied"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    MISSING = "missing"
    AMBIGUOUS = "ambiguous"
    EXISTS = "exists"


class Frame(msgspec.Struct, frozen=True, gc=False, array_like=True, tag=True):
    """A message; `number` is that of the request, answers repeat it. Answers come in the order of the requests."""

    number: int


class Hello(Frame, frozen=True):
    """First request: load the module, log in to the token."""

    module: str
    token: str
    serial: str
    pin: str

    def __repr__(self) -> str:
        return f"Hello({self.module!r})"


class Sign(Frame, frozen=True):
    """Sign `data` with the key of that label and id; `hash` is set for PSS, whose salt is as long as the hash."""

    label: str | None
    id: bytes | None
    mechanism: str
    hash: str
    data: bytes


class Find(Frame, frozen=True):
    """Tell of the private signing keys of that label and id; all of them where both are None."""

    label: str | None = None
    id: bytes | None = None


class Make(Frame, frozen=True):
    """Make a key pair, or take in the one whose `private` and `public` attributes are given.

    `parameters` are CKA_EC_PARAMS, or the number of CKA_PARAMETER_SET in decimal; `size` are the bits of RSA.
    """

    label: str
    id: bytes
    key_type: str
    size: int
    parameters: bytes
    private: dict[str, bytes] = {}
    public: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Make({self.label!r})"


class Destroy(Frame, frozen=True):
    """Destroy the private key of that label and id with its public half; it is no error if there is none."""

    label: str | None
    id: bytes | None


class Ready(Frame, frozen=True):
    """The token is open. `mechanisms` has the smallest and largest key size of each."""

    token: str
    serial: str
    manufacturer: str
    model: str
    mechanisms: dict[str, tuple[int, int]]


class Signed(Frame, frozen=True):
    """A signature as the token gives it: r||s for ECDSA."""

    signature: bytes


class TokenKey(msgspec.Struct, frozen=True, array_like=True):
    """A private key on the token, with what there is of its public half: attributes by name, a certificate."""

    label: str
    id: bytes
    key_type: str
    public: dict[str, bytes]
    certificate: bytes = b""


class Found(Frame, frozen=True):
    """Keys, in the order of the token."""

    keys: list[TokenKey]


class Done(Frame, frozen=True):
    """It is done."""


class Failed(Frame, frozen=True):
    """It failed; `detail` is the module's word for it, for the log."""

    kind: Kind
    detail: str


Request = Hello | Sign | Find | Make | Destroy
Answer = Ready | Signed | Found | Done | Failed

_encoder = msgspec.msgpack.Encoder()
requests = msgspec.msgpack.Decoder(Request)
answers = msgspec.msgpack.Decoder(Answer)


def encode(frame: Frame) -> bytes:
    """A message with its length before it."""
    body = _encoder.encode(frame)
    return len(body).to_bytes(_LENGTH, "big") + body


class Splitter:
    """Cuts a stream of bytes into the bodies of messages."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Bodies that are complete; raises ValueError for a length that no message has."""
        rest = self._rest
        rest += data
        start = 0
        while len(rest) - start >= _LENGTH:
            length = int.from_bytes(rest[start : start + _LENGTH], "big")
            if length > MAX_FRAME:
                raise ValueError(f"a message of {length} bytes")
            end = start + _LENGTH + length
            if len(rest) < end:
                break
            yield bytes(rest[start + _LENGTH : end])
            start = end
        del rest[:start]
