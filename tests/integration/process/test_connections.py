"""Connections that do nothing, too much, or never read: others go on signing, and the daemon gets well again."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from signerd.client import AsyncClient, Backoff, SignerdError
from signerd.v1.keys_pb2 import ListKeysRequest
from signerd.v1.signer_pb2 import SignResponse, SignStreamHeader, SignStreamRequest, SignStreamResponse
from tests.integration.process import http2
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon, http, memory, tell, until
from tests.integration.process.load import under_load
from tests.integration.process.records import acknowledged, recorded, stored
from tests.support.daemons import free_port

KEY = "team-a/release"
SIGN, STREAM = "/signerd.v1.Signer/Sign", "/signerd.v1.Signer/SignStream"
HALF_OPEN = 200
MANY = 10_000
CONNECTIONS = 10
POOLLESS = [("grpc.use_local_subchannel_pool", 1)]
HEADER = SignStreamRequest(header=SignStreamHeader(key=KEY, length=10)).SerializeToString()
CHUNKS = [SignStreamRequest(chunk=chunk).SerializeToString() for chunk in (b"01234", b"56789")]
OPEN_HEADER = SignStreamRequest(header=SignStreamHeader(key=KEY, length=1 << 40)).SerializeToString()
HALVES = {
    "nothing": b"",
    "preface": http2.PREFACE,
    "settings": http2.opening(),
    "headers": http2.opening() + http2.headers(1, SIGN),
    "stream": http2.opening() + http2.headers(1, STREAM) + http2.message(1, OPEN_HEADER, last=False),
    "half a message": http2.opening() + http2.headers(1, SIGN) + http2.message(1, bytes(50))[:30],
    "no HTTP/2": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def daemon(new_daemon: NewDaemon, port: int) -> Daemon:
    daemon = new_daemon(f"http: {{listen: '127.0.0.1:{port}'}}\n").start()
    with daemon.client() as client:
        client.create_key(KEY)
        client.sign(KEY, message=b"unlock")
    return daemon


def in_flight(port: int) -> int:
    lines = http(port, "/metrics")[1].splitlines()
    return int(float(next(line for line in lines if line.startswith("signerd_in_flight")).split()[-1]))


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def test_half_open_connections_disturb_nobody(daemon: Daemon, port: int) -> None:
    before = descriptors(daemon.pid)
    kinds = list(HALVES.values())
    async with under_load(daemon, KEY) as load:
        await load.reached(50)
        opened: list[socket.socket] = []
        for number in range(HALF_OPEN):
            opened.append(http2.connected(daemon.socket))
            opened[-1].sendall(kinds[number % len(kinds)])
        await load.reached(len(load.told) + 300)
        assert not load.refused
        for one in opened:
            one.close()
        await load.reached(len(load.told) + 50)
        assert not load.refused
    until(lambda: descriptors(daemon.pid) <= before + 1)
    until(lambda: in_flight(port) == 0)
    assert daemon.stop() == 0
    tell(f"{HALF_OPEN} half-open connections, {len(load.told)} signatures beside them, none refused")


async def test_a_client_that_never_reads_disturbs_nobody(daemon: Daemon, port: int) -> None:
    deaf = http2.connected(daemon.socket)
    deaf.sendall(http2.opening())
    request = ListKeysRequest(page_size=1000).SerializeToString()
    for stream in range(1, 1801, 2):
        deaf.sendall(http2.headers(stream, "/signerd.v1.Keys/ListKeys") + http2.message(stream, request))
    async with under_load(daemon, KEY) as load:
        await load.reached(300)
    assert not load.refused
    deaf.close()
    until(lambda: in_flight(port) == 0)
    assert daemon.stop() == 0


async def gathered(calls: Sequence[Awaitable[SignResponse]]) -> tuple[list[SignResponse], Counter[str]]:
    """The answers, and the reasons of those that got none."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    reasons: Counter[str] = Counter()
    for one in outcomes:
        if isinstance(one, SignerdError):
            assert one.retry_after, one
            reasons[one.reason.name] += 1
        elif isinstance(one, BaseException):
            raise one
    return [one for one in outcomes if isinstance(one, SignResponse)], reasons


def check_many(
    daemon: Daemon, signed: list[SignResponse], refused: Counter[str], what: str, least: int = 1000
) -> None:
    """Every call was answered, and what was signed is on record."""
    assert len(signed) + refused.total() == MANY
    # INTERNAL: of a call that is refused while it writes, grpc.aio's client forgets the status.
    assert set(refused) <= {"OVERLOADED", "RESOURCE_EXHAUSTED", "INTERNAL"}
    assert len(signed) >= least
    with daemon.client() as client:
        assert client.sign(KEY, message=b"still here").signature
    peak = memory(daemon.pid, "VmHWM")
    assert daemon.stop() == 0
    shown = {(record.sequence, record.signature_sha256) for record in stored(daemon.shard)}
    told = {acknowledged(answer, "") for answer in signed}
    assert {(one.sequence, one.signature_sha256) for one in told} <= shown
    tell(f"{MANY} parallel {what}: {len(signed)} signed, {dict(refused)} refused, peak RSS {peak} MiB")


@pytest.mark.alone
@pytest.mark.parametrize("connections", [1, CONNECTIONS])
async def test_very_many_parallel_requests(daemon: Daemon, connections: int) -> None:
    async with AsyncExitStack() as stack:
        clients = await several(daemon, connections, stack)
        calls = [clients[number % connections].sign(KEY, message=b"x") for number in range(MANY)]
        signed, refused = await gathered(calls)
    check_many(daemon, signed, refused, f"requests on {connections} connections")


@pytest.mark.alone
async def test_very_many_parallel_streams(daemon: Daemon) -> None:
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(f"unix:{daemon.socket}", POOLLESS))
            for _ in range(CONNECTIONS)
        ]
        outcomes = await asyncio.gather(*(stream(channels[n % CONNECTIONS]) for n in range(MANY)))
    answers = [one for one in outcomes if isinstance(one, SignResponse)]
    refused = Counter(one for one in outcomes if isinstance(one, str))
    check_many(daemon, answers, refused, f"streams on {CONNECTIONS} connections", least=500)


async def stream(channel: grpc.aio.Channel) -> SignResponse | str:
    """Sign a stream of two chunks; the answer, or the name of the status code."""
    call: Any = channel.stream_unary(STREAM)(timeout=60)
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        for part in (HEADER, *CHUNKS):
            await call.write(part)
        await call.done_writing()
    try:
        return SignStreamResponse.FromString(await call).response
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)


async def several(daemon: Daemon, connections: int, stack: AsyncExitStack) -> list[AsyncClient]:
    # A client that starts more streams than it may hears so from the transport, and asks again.
    patient = Backoff(attempts=1000)
    made = [daemon.async_client(coalesce=False, timeout=60, backoff=patient) for _ in range(connections)]
    return [await stack.enter_async_context(client) for client in made]


async def test_streams_that_never_end_leave_room_for_others(daemon: Daemon, port: int) -> None:
    """They get half of limits.concurrent; further streams hear OVERLOADED, all else is answered."""
    opened = [http2.connected(daemon.socket) for _ in range(2)]
    for one in opened:
        one.sendall(http2.opening())
        for stream in range(1, 1201, 2):
            one.sendall(http2.headers(stream, STREAM) + http2.message(stream, OPEN_HEADER, last=False))
    until(lambda: in_flight(port) >= 500)
    with daemon.client() as client:
        assert client.sign(KEY, message=b"x").signature
        assert client.status().serving
        with pytest.raises(SignerdError) as caught:
            client.sign_stream(KEY, [b"x"], length=1)
        assert caught.value.reason.name == "OVERLOADED"
        assert caught.value.retry_after
        for one in opened:
            one.close()
        until(lambda: in_flight(port) == 0)
        assert client.sign(KEY, message=b"x").signature
    assert daemon.stop() == 0
    assert recorded(stored(daemon.shard)[0]).sequence == 1
