"""A small witness with faults, in this process: keeps sizes by origin, signs, and checks no proofs."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TIME = 1_700_000_000


@dataclass
class StandIn:
    """`mode` is what it does next: sign, hang, slow, garbage, wrong-key, or a status such as `403`.

    A conflict is answered with `size` where that is set.
    """

    name: str = "witness.example/w1"
    mode: str = "sign"
    size: int | None = None
    url: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        data = b"\x04" + self.public_key
        return f"{self.name}+{self.key_id().hex()}+{base64.b64encode(data).decode()}"

    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x04" + self.public_key).digest()[:4]

    def cosign(self, body: bytes, key: Ed25519PrivateKey | None = None) -> str:
        """A signature line over a note's text."""
        signature = (key or self.key).sign(b"cosignature/v1\ntime %d\n" % TIME + body)
        data = self.key_id() + TIME.to_bytes(8, "big") + signature
        return f"\u2014 {self.name} {base64.b64encode(data).decode()}\n"

    async def answer(self, request: web.Request) -> web.Response:
        """What add-checkpoint answers."""
        asked = await request.read()
        self.requests.append(asked)
        match self.mode:
            case "hang":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(0.3)
            case "garbage":
                return web.Response(body=b"\xff\x00 not a note\n")
            case "endless":
                return web.Response(body=b"x" * (1 << 20))
            case status if status.isdigit():
                return web.Response(status=int(status), text="no")
        return self._signed(asked)

    def _signed(self, asked: bytes) -> web.Response:
        head, _, note = asked.partition(b"\n\n")
        old = int(head.split(b"\n")[0].removeprefix(b"old "))
        body = note.rpartition(b"\n\n")[0] + b"\n"
        origin, size, _ = body.decode().split("\n", 2)
        known = self.sizes.get(origin, 0) if self.size is None else self.size
        if old != known:
            return web.Response(status=409, text=f"{known}\n", content_type="text/x.tlog.size")
        self.sizes[origin] = int(size)
        other = Ed25519PrivateKey.generate() if self.mode == "wrong-key" else None
        return web.Response(text=self.cosign(body, other))


@asynccontextmanager
async def standing_in(witness: StandIn) -> AsyncIterator[StandIn]:
    """The witness listens on a free port."""
    app = web.Application()
    app.router.add_post("/add-checkpoint", witness.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    witness.url = f"http://127.0.0.1:{port}"
    try:
        yield witness
    finally:
        await runner.cleanup()
