"""One witness: what it is sent, and what its answers mean (C2SP tlog-witness, `add-checkpoint`)."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from signerd import __version__
from signerd.witnesses.cosignatures import Cosignature, WitnessKey, read_cosignature
from signerd.witnesses.faults import Fault, WitnessFault

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

Prove = Callable[[int, int], Awaitable[Sequence[bytes]]]
"""Gives the consistency proof from an old size to a new one."""
MOST_PROOF_LINES: Final = 63
MOST_ANSWER: Final = 64 << 10
SIZE_TYPE: Final = "text/x.tlog.size"
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n\Z")
_MEANINGS = {
    400: (Fault.HTTP, "finds the request malformed (400)"),
    403: (Fault.UNKNOWN_KEY, "does not know the log's key (403): give it the key of `signerctl audit keys`"),
    404: (Fault.UNKNOWN_LOG, "does not know the log (404): give it the key of `signerctl audit keys`"),
    422: (
        Fault.INCONSISTENT,
        "has seen another log of this name, which is not consistent with this one (422)",
    ),
}


class Submission(NamedTuple):
    """A checkpoint to be cosigned: tree size, note text with its last newline, the whole note."""

    size: int
    body: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """A witness's key, and the prefix of its URLs."""

    key: WitnessKey
    url: str


class Witness:
    """A witness as it is known by now: `size` is the tree it cosigned last, `problem` why it did not cosign since."""

    def __init__(self, address: Address) -> None:
        self.key = address.key
        self.name = address.key.name
        self.size = 0
        self.cosigned: Cosignature | None = None
        self.problem = "was not asked yet"
        self._url = address.url.rstrip("/") + "/add-checkpoint"

    async def cosign(self, session: ClientSession, asked: Submission, prove: Prove) -> Cosignature:
        """Have a checkpoint cosigned; raises WitnessFault. One that knows another size is asked again from there."""
        try:
            try:
                return await self._asked(session, asked, prove)
            except WitnessFault as fault:
                if fault.size is None or fault.size > asked.size or fault.size == self.size:
                    raise
                self.size = fault.size
                return await self._asked(session, asked, prove)
        except WitnessFault as fault:
            self.problem = fault.message
            raise

    async def _asked(self, session: ClientSession, asked: Submission, prove: Prove) -> Cosignature:
        old = min(self.size, asked.size)
        proof = await prove(old, asked.size) if 0 < old < asked.size else ()
        status, kind, answer = await self._sent(session, request_body(old, proof, asked.note))
        if status != 200:  # noqa: PLR2004
            raise refusal(status, kind, answer)
        found = read_cosignature(answer, asked.body, self.key)
        self.size, self.cosigned, self.problem = asked.size, found, ""
        return found

    async def _sent(self, session: ClientSession, body: bytes) -> tuple[int, str, bytes]:
        from aiohttp import ClientError

        headers = {"User-Agent": f"signerd/{__version__}", "Content-Type": "text/plain"}
        try:
            async with session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status, response.content_type, await _read(response)
        except TimeoutError:
            raise WitnessFault(Fault.TIMEOUT, "did not answer within its time limit") from None
        except (ClientError, OSError, ValueError) as error:
            raise WitnessFault(
                Fault.UNREACHABLE, f"can't be reached: {str(error) or type(error).__name__}"
            ) from None


def request_body(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Body of `add-checkpoint`: old size, consistency proof, an empty line, the checkpoint."""
    if len(proof) > MOST_PROOF_LINES:
        raise ValueError(f"{len(proof)} proof lines")
    lines = [b"old %d\n" % old, *(base64.b64encode(one) + b"\n" for one in proof)]
    return b"".join([*lines, b"\n", note])


def refusal(status: int, kind: str, answer: bytes) -> WitnessFault:
    """What an answer other than 200 means; a 409 that names no size is garbage."""
    if status == 409:  # noqa: PLR2004
        found = _SIZE.match(answer) if kind == SIZE_TYPE else None
        if found is None:
            return WitnessFault(
                Fault.GARBAGE, "says that it knows another size, and does not say which (409)"
            )
        size = int(found[1])
        return WitnessFault(Fault.CONFLICT, f"has cosigned {size} records of a log of this name", size)
    fault, meaning = _MEANINGS.get(status, (Fault.HTTP, f"answered with status {status}"))
    return WitnessFault(fault, meaning)


async def _read(response: ClientResponse) -> bytes:
    """The answer, at most so long that a witness can't fill the memory."""
    data = bytearray()
    async for chunk in response.content.iter_chunked(1 << 14):
        data += chunk
        if len(data) > MOST_ANSWER:
            raise WitnessFault(Fault.GARBAGE, f"its answer is longer than {MOST_ANSWER} bytes")
    return bytes(data)


async def within(seconds: float, asked: Awaitable[Cosignature], witness: Witness) -> Cosignature:
    """As `asked`, and WitnessFault after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except TimeoutError:
        witness.problem = "did not answer within its time limit"
        raise WitnessFault(Fault.TIMEOUT, witness.problem) from None
