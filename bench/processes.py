"""The processes under test: the daemon with its default configuration, and the bare server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter, sleep

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
BIN = Path(sys.executable).parent
PATIENCE = 30.0


@contextlib.contextmanager
def daemon(
    home: Path,
    config: str = "",
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = (str(BIN / "signerd"),),
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A daemon, on its embedded default without a config; gives its process and the seconds from start to SERVING."""
    command = [*program, "serve"]
    if config:
        file = home.parent / f"{home.name}.yaml"
        file.write_text(config)
        command += ["--config", str(file)]
    started = perf_counter()
    with (home.parent / f"{home.name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "SIGNERD_HOME": str(home), **(environment or {})},
            stderr=log,
            stdout=log,
        )
    try:
        wait_until_serving(address(home), process)
        yield process, perf_counter() - started
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextlib.contextmanager
def bare_server(directory: Path) -> Iterator[str]:
    """The bare server; gives its address."""
    target = f"unix:{directory / 'bare.sock'}"
    process = subprocess.Popen([sys.executable, "-m", "bench.bare", target])
    try:
        while not (directory / "bare.sock").exists():
            sleep(0.01)
        yield target
    finally:
        process.kill()
        process.wait()


def address(home: Path) -> str:
    """Where a daemon with that home listens."""
    return f"unix:{home / 'run' / 'signerd.sock'}"


def wait_until_serving(target: str, process: subprocess.Popen[bytes]) -> None:
    """Return as soon as the daemon says SERVING."""
    socket = Path(target.removeprefix("unix:"))
    deadline = perf_counter() + PATIENCE
    while perf_counter() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the daemon ended with {process.returncode}")
        if socket.exists() and _serving(target):
            return
        sleep(0.005)
    raise TimeoutError(f"not SERVING within {PATIENCE} s")


def _serving(target: str) -> bool:
    with grpc.insecure_channel(target) as channel:
        try:
            check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
            answer = check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.RpcError:
            return False
        return bool(answer.status == SERVING)


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(pid)
