"""CloudEvents over HTTP: one batch a delivery, any 2xx takes it, and no server can hang or overrun the sender."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from signerd.config_sinks import HttpSink
from signerd.errors import Reason, SignerdError
from signerd.sinks.base import Origin, TooLarge, Unaccepted
from signerd.sinks.http import HttpSender, refusal
from tests.support.certificates import SERVER, Authority, write_pair
from tests.support.receivers import server_context
from tests.unit.sinks.samples import entry, record_json

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
ORIGIN = Origin("0123456789abcdef", "worker-0")


async def accept(request: web.Request) -> web.StreamResponse:
    await request.read()
    return web.Response(status=202)


class Server:
    """An HTTP server on a free port; `answer` says what it does."""

    def __init__(self) -> None:
        self.answer: Answer = accept
        self.requests: list[tuple[web.Request, bytes]] = []
        self.done = asyncio.Event()

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http{'s' if context else ''}://localhost:{self.port}/events"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request, await request.read()))
        return await self.answer(request)

    async def stop(self) -> None:
        self.done.set()
        await self._runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    await made.stop()


def sender_for(url: str, **settings: object) -> HttpSender:
    return HttpSender(
        HttpSink.model_validate({"name": "siem", "type": "http", "url": url, **settings}), ORIGIN
    )


async def test_a_delivery_is_one_structured_batch(server: Server) -> None:
    sender = sender_for(server.url)
    await sender.send([entry(1), entry(2, detail='"quoted" ü')])
    ((request, body),) = server.requests
    assert (request.method, request.path) == ("POST", "/events")
    assert request.headers["Content-Type"] == "application/cloudevents-batch+json; charset=UTF-8"
    assert "Authorization" not in request.headers
    first, second = json.loads(body)
    assert (first["id"], first["source"], first["specversion"]) == ("1", "0123456789abcdef/worker-0", "1.0")
    assert second["data"] == json.loads(record_json(2, detail='"quoted" ü'))
    assert record_json(2, detail='"quoted" ü') in body
    await sender.close()


async def test_one_connection_serves_many_deliveries(server: Server) -> None:
    sender = sender_for(server.url)
    for sequence in range(1, 6):
        await sender.send([entry(sequence)])
    peers = {
        request.transport.get_extra_info("peername") for request, _ in server.requests if request.transport
    }
    assert len(server.requests) == 5
    assert len(peers) == 1
    await sender.close()


@pytest.mark.parametrize(
    ("status", "headers", "kind", "seconds"),
    [
        (500, {}, Unaccepted, 0.0),
        (413, {}, TooLarge, 0.0),
        (429, {"Retry-After": "7"}, Unaccepted, 7.0),
        (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Unaccepted, 0.0),
        (302, {"Location": "/elsewhere"}, Unaccepted, 0.0),
        (401, {}, Unaccepted, 0.0),
    ],
)
async def test_other_answers_take_nothing(
    server: Server, status: int, headers: dict[str, str], kind: type[Unaccepted], seconds: float
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, text="s3cret")

    server.answer = answer
    sender = sender_for(server.url)
    with pytest.raises(Unaccepted, match=f"the server answered {status}") as raised:
        await sender.send([entry(1)])
    assert (type(raised.value), raised.value.retry_after) == (kind, seconds)
    assert "s3cret" not in str(raised.value)
    assert len(server.requests) == 1
    server.answer = accept
    await sender.send([entry(1)])
    await sender.close()


@pytest.mark.parametrize("text", ["", "-1", "1e9", "9" * 30, "soon", "٣"])
def test_an_odd_wish_to_wait_is_passed_over(text: str) -> None:
    assert refusal(429, text).retry_after == 0.0
    assert str(refusal(799, text)) == "the server answered 799"


async def test_a_server_that_never_answers_is_given_up(server: Server) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await server.done.wait()
        return web.Response()

    server.answer = hang
    sender = sender_for(server.url, timeout=0.1)
    with pytest.raises(TimeoutError):
        await sender.send([entry(1)])
    server.answer = accept
    await sender.send([entry(1)])
    await sender.close()


async def test_an_endless_answer_is_not_read(server: Server) -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            for _ in range(10_000):
                await response.write(bytes(1 << 16))
        return response

    server.answer = pour
    sender = sender_for(server.url, timeout=10)
    await sender.send([entry(1)])
    await sender.close()


async def test_a_connection_that_breaks_in_mid_answer_takes_nothing(server: Server) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.answer = cut
    sender = sender_for(server.url)
    with pytest.raises((Unaccepted, OSError)):
        await sender.send([entry(1)])
    await sender.close()


async def test_a_refused_connection_is_an_error(server: Server) -> None:
    await server.stop()
    sender = sender_for(server.url)
    with pytest.raises((Unaccepted, OSError), match="onnect"):
        await sender.send([entry(1)])
    await sender.close()


async def test_the_token_comes_from_its_file_and_is_read_again(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    file.chmod(0o600)
    sender = sender_for(server.url, token_file=file)
    await sender.send([entry(1)])
    file.write_text("second")
    await sender.send([entry(2)])
    sender.reopen()
    await sender.send([entry(3)])
    sent = [request.headers["Authorization"] for request, _ in server.requests]
    assert sent == ["Bearer first", "Bearer first", "Bearer second"]
    await sender.close()


async def test_a_token_that_others_can_read_is_not_sent(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret")
    file.chmod(0o644)
    sender = sender_for(server.url, token_file=file)
    with pytest.raises(SignerdError) as raised:
        await sender.send([entry(1)])
    assert raised.value.reason is Reason.PERMISSIONS_TOO_OPEN
    assert "s3cret" not in raised.value.message
    assert server.requests == []
    await sender.close()


@pytest.mark.parametrize("token", ["two words", "line\nHeader: x", "s3cret\x00", "s\u00fcss", "=="])
async def test_what_is_no_token_is_not_sent(server: Server, tmp_path: Path, token: str) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    file.chmod(0o600)
    sender = sender_for(server.url, token_file=file)
    with pytest.raises(SignerdError, match="no bearer token") as raised:
        await sender.send([entry(1)])
    assert token not in raised.value.message
    assert server.requests == []
    await sender.close()


async def test_tls_checks_the_name_and_shows_a_client_certificate(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    write_pair(tmp_path, authority.issue("server", SERVER))
    write_pair(tmp_path, authority.issue("client"), "client")
    server = Server()
    await server.start(server_context(tmp_path, tmp_path / "ca.crt"))
    tls = {"ca": tmp_path / "ca.crt", "cert": tmp_path / "client.crt", "key": tmp_path / "client.key"}
    good = sender_for(server.url, tls=tls)
    await good.send([entry(1)])
    for wrong in ({**tls, "server_name": "other.example.org"}, {}, {"ca": tmp_path / "ca.crt"}):
        sender = sender_for(server.url, tls=wrong)
        with pytest.raises((Unaccepted, OSError)):
            await sender.send([entry(2)])
        await sender.close()
    assert len(server.requests) == 1
    await good.close()
    await server.stop()


async def test_without_aiohttp_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(SignerdError) as raised:
        sender_for("https://siem.example.org/")
    assert raised.value.reason is Reason.CONFIG_INVALID
    assert "signerd[sinks]" in raised.value.message
