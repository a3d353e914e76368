from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from signerd.config import Http
from signerd.http import listener
from signerd.http.app import App, build
from signerd.http.listener import HttpListener, bind


def answering(value: Any) -> Callable[[], Awaitable[Any]]:
    async def answer() -> Any:
        return value

    return answer


def app(ready: str = "") -> App:
    return build(answering(ready), answering(b"metric 1\n"))


async def call(path: str, method: str = "GET", ready: str = "") -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("no body is read")

    await app(ready)({"type": "http", "path": path, "method": method}, receive, send)
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


@pytest.mark.parametrize(
    ("path", "ready", "status", "body"),
    [
        ("/healthz", "", 200, b"ok\n"),
        ("/healthz", "no disk", 200, b"ok\n"),
        ("/readyz", "", 200, b"ok\n"),
        ("/readyz", "audit: no disk", 503, b"audit: no disk\n"),
        ("/metrics", "", 200, b"metric 1\n"),
        ("/", "", 404, b"not found\n"),
        ("/healthz/", "", 404, b"not found\n"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_pages(path: str, ready: str, status: int, body: bytes, method: str) -> None:
    code, headers, content = await call(path, method, ready)
    assert code == status
    assert content == (body if method == "GET" else b"")
    assert headers[b"content-length"] == str(len(body)).encode()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods(method: str) -> None:
    code, headers, _ = await call("/metrics", method)
    assert (code, headers[b"allow"]) == (405, b"GET, HEAD")
    assert (await call("/nowhere", method))[0] == 404


@asynccontextmanager
async def served(bound: socket.socket) -> AsyncIterator[None]:
    running = HttpListener(app(), bound)
    await running.start()
    yield
    await running.stop()


async def ask(bound: socket.socket, request: bytes) -> bytes:
    """All that comes back until the server closes."""
    address = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        reader, writer = await asyncio.open_unix_connection(address)
    else:
        reader, writer = await asyncio.open_connection(*address[:2])
    writer.write(request)
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("http", [{"listen": "127.0.0.1:0"}, {"unix": "h.sock"}])
async def test_a_real_server(http: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Relative, since sun_path is short.
    settings = Http.model_construct(
        listen=http.get("listen"), unix=Path(http["unix"]) if "unix" in http else None
    )
    bound = bind(settings)
    async with served(bound):
        answer = await ask(bound, GET)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\nok\n")
        assert b"server:" not in answer.lower()
        twice = await ask(bound, GET.replace(b"Connection: close\r\n", b"") + GET)
        assert twice.count(b"200 OK") == 2
    if bound.family == socket.AF_UNIX:
        assert (tmp_path / "h.sock").stat().st_mode & 0o777 == 0o600


async def test_the_process_keeps_its_signal_handlers() -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    async with served(bind(Http(listen="127.0.0.1:0"))):
        await asyncio.sleep(0)
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"GET /heal",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b",
        GET.replace(b"Connection: close\r\n", b"") + b"GET /he",
    ],
)
async def test_a_head_that_never_ends_is_cut_off(
    request_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 1)
    bound = bind(Http(listen="127.0.0.1:0"))
    async with served(bound):
        assert b"400" not in await ask(bound, request_bytes)


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nA: "])
async def test_a_head_without_end_is_cut_off(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 1000)
    bound = bind(Http(listen="127.0.0.1:0"))
    async with served(bound):
        assert await ask(bound, start + b"a" * 1_000_000) == b""


async def test_what_is_no_http_is_told_so() -> None:
    bound = bind(Http(listen="127.0.0.1:0"))
    async with served(bound):
        assert b"400" in await ask(bound, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")


async def test_held_connections_do_not_shut_health_checks_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 4)
    bound = bind(Http(listen="127.0.0.1:0"))
    async with served(bound):
        held = [await asyncio.open_connection(*bound.getsockname()) for _ in range(12)]
        assert (await ask(bound, GET)).startswith(b"HTTP/1.1 200 ")
        for _, writer in held:
            writer.close()
