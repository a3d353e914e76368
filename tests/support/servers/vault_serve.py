"""The process of the fake Vault: `python -m tests.support.servers.vault_serve --port 0 --state FILE`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.servers.vault_auth import Auth
from tests.support.servers.vault_engine import Engine, Refused

CONTROL = "/fake/control"


@dataclass
class Behaviour:
    """What tests change.

    `latency` in seconds and `hang` are for every call; `status` answers with it, `errors` and `retry_after`, and `page`
    with a page of HTML, as a proxy would. `signs` names what is wrong with signatures (see `spoilt`). `denied` are the
    starts of paths that no token may use.
    """

    latency: float = 0.0
    hang: bool = False
    sealed: bool = False
    status: int = 0
    page: int = 0
    retry_after: str = ""
    errors: list[str] = field(default_factory=list)
    signs: str = ""
    namespace: str = ""
    denied: list[str] = field(default_factory=list)
    mount: str = "transit"


class Fake:
    """The whole server. `calls` counts requests by kind, and the signatures that were asked for."""

    def __init__(self, state: Path) -> None:
        self.engine = Engine(state)
        self.auth = Auth()
        self.behaviour = Behaviour()
        self.calls: Counter[str] = Counter()

    async def control(self, request: web.Request) -> web.Response:
        for name, value in (await request.json()).items():
            if name == "revoke":
                self.auth.revoke_all()
            elif name == "auth":
                for setting, to in value.items():
                    setattr(self.auth, setting, to)
            elif hasattr(self.behaviour, name):
                setattr(self.behaviour, name, value)
            else:
                return web.json_response({"error": name}, status=400)
        shown = {"calls": dict(self.calls), "tokens": len(self.auth.tokens)}
        return web.json_response(shown)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        behaviour = self.behaviour
        if behaviour.hang:
            await asyncio.sleep(3600)
        if behaviour.latency:
            await asyncio.sleep(behaviour.latency)
        if behaviour.page:
            return _page(behaviour.page)
        path = request.path.removeprefix("/v1/")
        try:
            self._check_state(request)
            body = await request.read()
            asked = json.loads(body) if body else {}
            return self._reply(*self._route(request, path, asked))
        except Refused as error:
            headers = {"Retry-After": behaviour.retry_after} if behaviour.retry_after else None
            return web.json_response({"errors": error.errors}, status=error.status, headers=headers)

    def _check_state(self, request: web.Request) -> None:
        behaviour = self.behaviour
        if behaviour.sealed:
            raise Refused(503, "Vault is sealed")
        if behaviour.status:
            raise Refused(behaviour.status, *behaviour.errors)
        if request.headers.get("X-Vault-Namespace", "") != behaviour.namespace:
            raise Refused(404, "namespace not found")
        if request.headers.get("X-Vault-Request") != "true":
            raise Refused(412, "required request header is missing")

    def _route(self, request: web.Request, path: str, asked: Mapping[str, Any]) -> tuple[str, Any]:
        parts = path.split("/")
        if parts[0] == "auth" and parts[-1] == "login":
            self.calls["login"] += 1
            return "auth", self.auth.login("/".join(parts[1:-1]), asked)
        token = request.headers.get("X-Vault-Token", "")
        self.auth.check(token)
        if any(path.startswith(start) for start in self.behaviour.denied):
            self.calls["denied"] += 1
            raise Refused(403, "1 error occurred:\n\t* permission denied\n\n")
        if path.startswith("auth/token/"):
            return self._token(parts[-1], token)
        mount = self.behaviour.mount
        if not path.startswith(f"{mount}/"):
            raise Refused(404, f'no handler for route "{path}". route entry not found.')
        method = "LIST" if request.query.get("list") == "true" else request.method
        return "data", self._transit(method, path.removeprefix(f"{mount}/").split("/"), asked)

    def _token(self, operation: str, token: str) -> tuple[str, Any]:
        self.calls[operation] += 1
        if operation == "renew-self":
            return "auth", self.auth.renew(token)
        if operation == "revoke-self":
            del self.auth.tokens[token]
            return "data", None
        return "data", self.auth.looked_up(token)

    def _transit(self, method: str, parts: list[str], asked: Mapping[str, Any]) -> Any:
        engine, verb = self.engine, "POST" if method == "PUT" else method
        name = parts[1] if len(parts) > 1 else ""
        kind = " ".join((verb, parts[0], *("NAME" for _ in parts[1:2]), *parts[2:]))
        operations: dict[str, Callable[[], Any]] = {
            "POST sign NAME": lambda: self._sign(name, asked),
            f"POST sign NAME {parts[-1]}": lambda: self._sign(name, {**asked, "hash_algorithm": parts[-1]}),
            f"POST verify NAME {parts[-1]}": lambda: engine.verify(
                name, {**asked, "hash_algorithm": parts[-1]}
            ),
            "GET wrapping_key": engine.wrapping_key,
            "LIST keys": lambda: {"keys": engine.names()},
            "GET keys NAME": lambda: engine.key(name).shown(name),
            "POST keys NAME": lambda: engine.create(name, asked),
            "DELETE keys NAME": lambda: engine.delete(name),
            "POST keys NAME config": lambda: engine.configure(name, asked),
            "POST keys NAME rotate": lambda: engine.rotate(name),
            "POST keys NAME import": lambda: engine.take_in(name, asked),
        }
        if kind not in operations:
            raise Refused(404, "unsupported path")
        self.calls[kind] += 1
        return operations[kind]()

    def _sign(self, name: str, asked: Mapping[str, Any]) -> Any:
        self.calls["sign"] += 1
        self.calls["signatures"] += len(asked.get("batch_input", "1"))
        return self._spoilt(self.engine.sign(name, asked))

    def _spoilt(self, data: dict[str, Any]) -> Any:
        if not self.behaviour.signs:
            return data
        if self.behaviour.signs == "short":
            return {"batch_results": data.get("batch_results", [data])[1:], "signature": ""}
        for one in data.get("batch_results", [data]):
            one["signature"] = spoilt(one["signature"], self.behaviour.signs)
        return data

    def _reply(self, kind: str, content: Any) -> web.Response:
        if content is None:
            return web.Response(status=204)
        if self.behaviour.signs == "page":
            return _page(200)
        return web.json_response({"request_id": "0", "data": None, "auth": None, kind: content})


def _page(status: int) -> web.Response:
    return web.Response(status=status, text="<html>Bad Gateway</html>", content_type="text/html")


def spoilt(text: str, how: str) -> str:
    """A signature that is not what it should be."""
    head, _, value = text.rpartition(":")
    raw = base64.b64decode(value)
    wrong = {
        "version": f"vault:v99:{value}",
        "prefix": value,
        "base64": f"{head}:!!!!",
        "truncated": f"{head}:{base64.b64encode(raw[:-5]).decode()}",
        "garbage": f"{head}:{base64.b64encode(os.urandom(len(raw))).decode()}",
    }
    return wrong[how]


def tls(files: Path | None) -> ssl.SSLContext | None:
    """TLS with `server.crt`, `server.key`, and clients of `ca.crt` only."""
    if files is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files / "ca.crt")
    context.load_cert_chain(files / "server.crt", files / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def serve(port: int, state: Path, files: Path | None) -> None:
    fake = Fake(state)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post(CONTROL, fake.control)
    app.router.add_route("*", "/v1/{path:.*}", fake.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls(files), reuse_address=True)
    await site.start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--tls", type=Path)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.state, given.tls))


if __name__ == "__main__":
    main()
