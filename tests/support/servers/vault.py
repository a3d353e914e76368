"""A stand-in for Vault and OpenBao, in a process of its own: their documented answers on real cryptography.

with FakeVault(directory) as server:
    section = {"type": "vault-transit", "address": server.address, "token": {"env": "VAULT_TOKEN"}}
    server.set(latency=0.03, sealed=True)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.support.servers.started import Started
from tests.support.servers.vault_auth import ROOT_TOKEN

_ROOT = Path(__file__).parents[3]
_CONTROL = "/fake/control"
_BEHAVIOUR: dict[str, object] = {
    "latency": 0.0,
    "hang": False,
    "sealed": False,
    "status": 0,
    "page": 0,
    "retry_after": "",
    "errors": [],
    "signs": "",
    "namespace": "",
    "denied": [],
    "auth": {"ttl": 3600, "longest": 86400, "renewable": True, "refuse": False},
}


class FakeVault(Started):
    """The server; keys outlive `kill` and `start` on the same port, tokens do not."""

    token = ROOT_TOKEN

    def __init__(self, directory: Path, tls: Path | None = None) -> None:
        """`tls` is a directory with server.crt, server.key and ca.crt: clients need a certificate then."""
        self._state = directory / "vault.json"
        self._tls = tls
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.servers.vault_serve"]
        command += ["--port", str(self.port), "--state", str(self._state)]
        command += ["--tls", str(self._tls)] if self._tls else []
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the fake Vault did not start"
        self.port = int(line)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()

    def signal(self, number: int) -> None:
        """Send the process a signal, such as SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    def set(self, **settings: object) -> dict[str, Any]:
        """Change behaviour (see Behaviour) or `auth` (see Auth), or `revoke=True`; gives counts."""
        content = json.dumps(settings).encode()
        request = Request(self.address + _CONTROL, content, {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))

    def mend(self) -> None:
        """Behave again."""
        self.set(**_BEHAVIOUR)

    def calls(self, kind: str) -> int:
        """Requests of a kind so far: login, sign, signatures, renew-self, revoke-self, denied, `POST keys NAME`."""
        return int(self.set()["calls"].get(kind, 0))

    def call(self, method: str, path: str, **content: object) -> dict[str, Any]:
        """Do something at the server as its administrator would."""
        return call(self.address, self.token, method, path, content)


def call(address: str, token: str, method: str, path: str, content: object) -> dict[str, Any]:
    """A request of Vault's API; raises HTTPError for an answer that is none of success."""
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true", "Content-Type": "application/json"}
    body = json.dumps(content).encode() if method in ("POST", "PUT") else None
    with urlopen(Request(f"{address}/v1/{path}", body, headers, method=method), timeout=30) as answer:
        text = answer.read()
    return dict(json.loads(text)) if text else {}
