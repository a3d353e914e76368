"""A daemon as a process of its own, with everything it writes below one directory."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from signerd.client import AsyncClient, Backoff, Client, Settings, parse_endpoint

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
SECONDS = 60
SOAK = os.environ.get("SIGNERD_SOAK") == "1"
PASSWORD = "correct horse"
sized = pytest.mark.soak if SOAK else pytest.mark.timeout(300)
"""For tests that run in CI's size, and in full size with `make soak`."""
NEVER_AGAIN = Backoff(attempts=1)
SHARD = "worker-0"


class Daemon:
    """`signerd serve` with a home of its own; `config` is YAML, empty for the embedded default."""

    def __init__(self, directory: Path, config: str = "", **environment: str) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.log = directory / "log"
        self.file = directory / "config.yaml"
        self.given = {"SIGNERD_PASSWORD": PASSWORD, **environment}
        self.process: subprocess.Popen[bytes] | None = None
        if config:
            self.file.write_text(config)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def socket(self) -> Path:
        return self.home / "run" / "signerd.sock"

    @property
    def shard(self) -> Path:
        return self.home / "audit" / SHARD

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def command(self) -> list[str]:
        return [str(BIN / "signerd"), "serve", *(["--config", str(self.file)] if self.file.exists() else [])]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNERD")}
        return {**kept, "SIGNERD_HOME": str(self.home), **self.given}

    def start(self, *, wait: bool = True) -> Daemon:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=self.environment(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_serving()
        return self

    def run(self) -> subprocess.CompletedProcess[str]:
        """Start where it must fail; gives code and output."""
        return subprocess.run(
            self.command(),
            env=self.environment(),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def ctl(self, *arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run signerctl against this daemon, with `given` as its input."""
        return subprocess.run(
            [str(BIN / "signerctl"), *arguments],
            env={**self.environment(), "COLUMNS": "200", **environment},
            cwd=self.directory,
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def wait_serving(self) -> None:
        until(self._serves)

    def _serves(self) -> bool:
        assert self.alive, f"the daemon ended:\n{self.text()}"
        return self.health() == "SERVING"

    def health(self, name: str = "") -> str:
        """Status of the health service, empty where nothing answers."""
        if not self.socket.exists():
            return ""
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"unix:{self.socket}", options) as channel, suppress(grpc.RpcError):
            check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
            question = health_pb2.HealthCheckRequest(service=name).SerializeToString()
            answer = health_pb2.HealthCheckResponse.FromString(check(question, timeout=5))
            return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
        return ""

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def end(self) -> None:
        """Leave no process behind, whatever happened."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(SECONDS)

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def settings(self) -> Settings:
        return Settings(endpoint=parse_endpoint(f"unix:{self.socket}"))

    def client(self, *, backoff: Backoff = NEVER_AGAIN, timeout: float = 30.0, **options: Any) -> Client:
        """A client that repeats nothing by itself."""
        return Client(self.settings(), backoff=backoff, timeout=timeout, **options)

    def async_client(
        self, *, backoff: Backoff = NEVER_AGAIN, timeout: float = 30.0, **options: Any
    ) -> AsyncClient:
        """As `client`, for one event loop."""
        return AsyncClient(self.settings(), backoff=backoff, timeout=timeout, **options)

    def workers(self) -> dict[int, int]:
        """Process ids of the workers by their number."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return dict(enumerate(sorted(map(int, listed))))

    def workers_left(self) -> list[str]:
        """Command lines of processes that still work for this home."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if f"SIGNERD_HOME={self.home}\0".encode() in path.read_bytes() + b"\0":
                    found.append((path.parent / "cmdline").read_text())
        return found


def until(met: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until something holds; the limit only keeps a broken test from hanging."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            pytest.fail(f"it did not happen within {seconds:.0f} s")
        time.sleep(0.02)


def http(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def memory(pid: int, field: str) -> int:
    """A figure of /proc/PID/status such as VmHWM, in MiB."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) // 1024


def reset_peak(pid: int) -> None:
    """Let VmHWM begin again at what is in use now (proc_pid_clear_refs(5)), where that is permitted."""
    with suppress(PermissionError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def tell(text: str) -> None:
    """A figure for the people who run the tests."""
    print(f"\n  figure: {text}", file=sys.__stdout__, flush=True)


async def until_async(met: Callable[[], bool], seconds: float = SECONDS) -> None:
    """As `until`, for an event loop."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
