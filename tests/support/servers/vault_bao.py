"""A real OpenBao or Vault, where SIGNERD_TEST_BAO or PATH has one: in memory, or on files that survive a restart."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.support.servers.vault import call

_NAMES = ("bao", "openbao", "vault")
_TRIES, _PAUSE = 200, 0.1


def binary() -> str | None:
    """Path of the binary; None where there is none."""
    named = os.environ.get("SIGNERD_TEST_BAO")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), None)


class OpenBao:
    """A server with transit mounted. On files it is initialised once and unsealed at each start."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._unseal_key = ""
        self.token = ""
        self.port = _free_port()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and unseal; mounts what is needed the first time."""
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
        with (self._directory / "server.log").open("ab") as log:
            command = [self._program, "server", f"-config={config}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait(lambda state: True)

    def unseal(self) -> None:
        self.call("PUT", "sys/unseal", key=self._unseal_key)
        self._wait(lambda state: not state["sealed"] and not state["standby"])

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
            time.sleep(_PAUSE)
        raise RuntimeError(f"{self._program} did not start; see {self._directory / 'server.log'}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
