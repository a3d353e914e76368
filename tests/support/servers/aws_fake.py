"""The small AWS KMS behind HTTP, on a loop of its own: in a thread, with faults on demand, or as a program.

    python -m tests.support.servers.aws_fake [--port N] [--latency SECONDS]

It prints its port in a line of its own, and ends with its standard input.
It answers some thousand signatures a second, which moto does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import httptools

from tests.support.servers.aws import end_with_parent
from tests.support.servers.aws_material import Kms, dumps
from tests.support.servers.aws_model import Fields
from tests.support.servers.aws_signing import Refusal

Fault = Callable[[Callable[[], bytes]], bytes | None]
"""Is given what would answer; gives the raw HTTP answer, None to close the connection without one."""


def response(status: int, body: bytes, kind: str = "application/x-amz-json-1.1") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def lose(answer: Callable[[], bytes]) -> None:
    """Do it, and lose the answer."""
    answer()


def drop(answer: Callable[[], bytes]) -> None:
    """Close the connection, nothing done."""


def error(kind: str, text: str = "no", status: int = 400) -> Fault:
    """Answer with an error of the API."""
    body = dumps({"__type": kind, "message": text})
    return lambda answer: response(status, body)


def garbage(answer: Callable[[], bytes]) -> bytes:
    """Answer what is no JSON."""
    return response(200, b"\x00<html>not KMS</html>")


@dataclass
class Behaviour:
    """What can be set while the server runs: seconds to wait, and faults for the next calls of an operation."""

    latency: float = 0.0
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    always: Fault | None = None
    calls: Counter[str] = field(default_factory=Counter)
    authorizations: deque[str] = field(default_factory=lambda: deque(maxlen=100))

    def next_fault(self, operation: str) -> Fault | None:
        waiting = self.faults.get(operation)
        return waiting.popleft() if waiting else self.always

    def fail(self, operation: str, *faults: Fault) -> None:
        self.faults[operation] = deque(faults)


class Connection(asyncio.Protocol):
    """One connection that is kept open."""

    def __init__(self, kms: Kms, behaviour: Behaviour, open_: set[asyncio.Transport]) -> None:
        self._kms = kms
        self._behaviour = behaviour
        self._open = open_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self._transport)

    def _begin(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._operation = ""
        self._body = b""

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-amz-target":
            self._operation = value.decode().rpartition(".")[2]
        elif name.lower() == b"authorization":
            self._behaviour.authorizations.append(value.decode())
        elif name.lower() == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        operation, body = self._operation, self._body
        self._begin()
        self._behaviour.calls[operation] += 1
        asyncio.get_running_loop().call_later(self._behaviour.latency, self._answer, operation, body)

    def _answer(self, operation: str, body: bytes) -> None:
        fault = self._behaviour.next_fault(operation)
        raw = fault(lambda: self._raw(operation, body)) if fault else self._raw(operation, body)
        if raw is None:
            self._transport.abort()
        else:
            self._transport.write(raw)

    def _raw(self, operation: str, body: bytes) -> bytes:
        given: Fields = json.loads(body)
        try:
            return response(200, dumps(self._kms.answer(operation, given)))
        except Refusal as refusal:
            body = dumps({"__type": refusal.kind, "message": refusal.text})
            return response(refusal.status, body)


class FakeKms:
    """The server in a thread. `stop` and `start` keep its keys and its port."""

    def __init__(self, region: str = "eu-central-1", port: int = 0, latency: float = 0.0) -> None:
        self.kms = Kms(region)
        self.behaviour = Behaviour(latency)
        self._port = port
        self._open: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-kms", daemon=True)
        self._thread.start()
        self.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    def start(self) -> None:
        """Listen."""
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self._port = self._server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        def connection() -> Connection:
            return Connection(self.kms, self.behaviour, self._open)

        return await self._loop.create_server(connection, "127.0.0.1", self._port, backlog=1024)

    def stop(self) -> None:
        """Stop listening and break all connections."""
        asyncio.run_coroutine_threadsafe(self._halt(), self._loop).result()

    async def _halt(self) -> None:
        self._server.close()
        for transport in list(self._open):
            transport.abort()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    given = parser.parse_args()
    end_with_parent()
    server = FakeKms(port=given.port, latency=given.latency)
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
