"""A real OpenBao or Vault, where SIGNERD_TEST_BAO or PATH has one: in memory, or on files that survive a restart."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.support.daemons import free_port
from tests.support.servers.started import Started
from tests.support.servers.vault import call

_NAMES = ("bao", "openbao", "vault")
_ROOT_TOKEN = re.compile(r"^Root Token: (\S+)$", re.MULTILINE)
_TRIES, _PAUSE = 200, 0.1


def binary() -> str | None:
    """Path of the binary; None where there is none."""
    named = os.environ.get("SIGNERD_TEST_BAO")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), None)


class OpenBao(Started):
    """A server with transit mounted, on files: initialised once, unsealed at each start; `dev`: in memory."""

    def __init__(self, program: str, directory: Path, *, dev: bool = False) -> None:
        self._dev = dev
        self._program = program
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._unseal_key = ""
        self.token = ""
        self.port = free_port()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and unseal; mounts what is needed the first time."""
        if self._dev:
            self._start_in_memory()
            return
        self.start_sealed()
        fresh = not self.token
        if fresh:
            made = self.call("PUT", "sys/init", secret_shares=1, secret_threshold=1)
            self._unseal_key, self.token = made["keys"][0], made["root_token"]
        self.unseal()
        if fresh:
            self.call("POST", "sys/mounts/transit", type="transit")

    def start_sealed(self) -> None:
        config = self._directory / "config.json"
        config.write_text(
            json.dumps(
                {
                    "storage": {"file": {"path": str(self._directory / "data")}},
                    "listener": {"tcp": {"address": f"127.0.0.1:{self.port}", "tls_disable": True}},
                    "disable_mlock": True,
                }
            )
        )
        self._run(f"-config={config}")
        self._wait(lambda state: True)

    def unseal(self) -> None:
        self.call("PUT", "sys/unseal", key=self._unseal_key)
        self._wait(_serves)

    def seal(self) -> None:
        self.call("PUT", "sys/seal")

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def call(self, method: str, path: str, **content: object) -> dict[str, Any]:
        """Do something at the server as its administrator would."""
        return call(self.address, self.token, method, path, content)

    def _start_in_memory(self) -> None:
        self._run("-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{self.port}")
        log = self._directory / "server.log"
        self._wait(lambda state: _serves(state) and _ROOT_TOKEN.search(log.read_text()))
        self.token = _ROOT_TOKEN.findall(log.read_text())[-1]
        self.call("POST", "sys/mounts/transit", type="transit")

    def _run(self, *options: str) -> None:
        with (self._directory / "server.log").open("ab") as log:
            command = [self._program, "server", *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def _wait(self, ready: Any) -> None:
        codes = "sealedcode=200&uninitcode=200&standbycode=200"
        request = Request(f"{self.address}/v1/sys/health?{codes}")
        for _ in range(_TRIES):
            try:
                with urlopen(request, timeout=5) as answer:
                    if ready(json.load(answer)):
                        return
            except (URLError, HTTPException, OSError):
                pass
            if self._process is None or self._process.poll() is not None:
                break
            time.sleep(_PAUSE)
        raise RuntimeError(f"{self._program} did not start; see {self._directory / 'server.log'}")


def _serves(state: Any) -> bool:
    return not state["sealed"] and not state["standby"]
