"""A stand-in for Cloud KMS, in a process of its own, on the API's real messages and with real cryptography.

with GcpServer(directory) as server:
    section = {"type": "gcp-kms", "key_ring": RING, "endpoint": server.endpoint, "insecure_plaintext": True}
    server.set(latency=0.03)
    server.fail("AsymmetricSign", status="UNAVAILABLE", times=1)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from signerd.config_providers import GcpKmsProvider
from signerd.providers.base import Setup

RING = "projects/signerd-test/locations/global/keyRings/signerd"
_ROOT = Path(__file__).parents[3]
_CONTROL = "/signerd.tests.Behaviour/Set"


class GcpServer:
    """The server; what it holds outlives `stop` and `kill`, and it comes back on the same port."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._options = options
        self._state = directory / "gcp-kms.state"
        self._process: subprocess.Popen[str] | None = None
        self._skipped = 0.0
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.servers.gcp_serve"]
        command += ["--port", str(self.port), "--state", str(self._state), *self._options]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the stand-in for Cloud KMS did not start"
        self.port = int(line)

    def stop(self) -> None:
        self._end(kill=False)

    def kill(self) -> None:
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        (process.kill if kill else process.terminate)()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()

    def set(self, **settings: object) -> dict[str, int]:
        """Change settings (see Behaviour); gives the number of calls by method."""
        with grpc.insecure_channel(self.endpoint) as channel:
            method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_CONTROL)
            answer = method(json.dumps(settings).encode(), timeout=10)
        return dict(json.loads(answer))

    def fail(self, method: str, **fault: object) -> None:
        """Add a fault (see Fault)."""
        self.set(fault={"method": method, **fault})

    def mend(self) -> None:
        """Take all faults back, and set the clock right."""
        self._skipped = 0.0
        self.set(faults=[], latency=0.0, generation=0.0, generation_fails=False, skipped=0.0)

    def skip(self, seconds: float) -> None:
        """Put the server's clock forward."""
        self._skipped += seconds
        self.set(skipped=self._skipped)

    def calls(self) -> dict[str, int]:
        return self.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def setup(endpoint: str, **settings: object) -> Setup:
    """What a provider for such a server is built from."""
    given = {"type": "gcp-kms", "key_ring": RING, "endpoint": endpoint, "insecure_plaintext": True}
    return Setup("gcp", GcpKmsProvider.model_validate({**given, **settings}))
