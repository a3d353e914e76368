"""The ASGI app behind /healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_TEXT = b"text/plain; charset=utf-8"
_METRICS = b"text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of a response."""

    status: int
    body: bytes
    kind: bytes = _TEXT
    extra: tuple[tuple[bytes, bytes], ...] = ()


Page = Callable[[], Awaitable[Answer]]


def build(ready: Callable[[], Awaitable[str]], metrics: Callable[[], Awaitable[bytes]]) -> App:
    """App of two questions: `ready` gives why not, or nothing; `metrics` gives the exposition."""

    async def healthz() -> Answer:
        return Answer(200, b"ok\n")

    async def readyz() -> Answer:
        reason = await ready()
        return Answer(503, reason.encode() + b"\n") if reason else Answer(200, b"ok\n")

    async def exposition() -> Answer:
        return Answer(200, await metrics(), _METRICS)

    pages: dict[str, Page] = {"/healthz": healthz, "/readyz": readyz, "/metrics": exposition}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _respond(await _answer(pages, scope), scope["method"], send)

    return app


async def _answer(pages: dict[str, Page], scope: Scope) -> Answer:
    page = pages.get(scope["path"])
    if page is None:
        return Answer(404, b"not found\n")
    if scope["method"] not in ("GET", "HEAD"):
        return Answer(405, b"method not allowed\n", extra=((b"allow", b"GET, HEAD"),))
    return await page()


async def _respond(answer: Answer, method: str, send: Send) -> None:
    headers = [
        (b"content-type", answer.kind),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        *answer.extra,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
