"""Servers for AWS as processes of their own, on free ports: moto through its launcher, and the small fake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Final, Self

ROOT = Path(__file__).resolve().parents[3]
REGION: Final = "eu-central-1"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret/of/the/tests"}


class AwsServer:
    """A running server; a context manager that stops it."""

    def __init__(self, program: str, port: int = 0, latency: float = 0.0) -> None:
        self._module = f"tests.support.servers.{program}"
        self._latency = latency
        self.port = port
        self.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, on the same port as before; moto starts without keys."""
        command = [
            sys.executable,
            "-m",
            self._module,
            "--port",
            str(self.port),
            "--latency",
            str(self._latency),
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            text=True,
        )
        self.port = int(_line(self._process.stdout))

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP freezes, SIGCONT thaws."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End at once."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End; once is enough."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def end_with_parent() -> None:
    """Called in the server: end this process when whoever started it is gone, however that came about."""

    def wait() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _line(stream: IO[str] | None) -> str:
    line = stream.readline() if stream else ""
    if not line:
        raise RuntimeError("the server ended before it listened")
    return line


def moto(port: int = 0, latency: float = 0.0) -> AwsServer:
    """moto server with its faults corrected."""
    return AwsServer("aws_launcher", port, latency)


def fake(port: int = 0, latency: float = 0.0) -> AwsServer:
    """The small fake as a process: no faults on demand, but fast."""
    return AwsServer("aws_fake", port, latency)
