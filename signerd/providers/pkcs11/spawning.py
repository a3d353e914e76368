"""Worker processes of a PKCS#11 provider: begun ahead of need, since a start takes longer than opening a token."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from signerd.process import clean_environment

COMMAND = (sys.executable, "-P", "-m", "signerd.providers.pkcs11.worker")
_KILL_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Spawned:
    """A process that waits for its first request on the other end of `connection`."""

    process: subprocess.Popen[bytes]
    connection: socket.socket

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = self.process.poll()
        if code is None:
            return "hung up"
        return f"ended by {_name(-code)}" if code < 0 else f"ended with exit code {code}"

    async def end(self, patience: float) -> None:
        """Wait so many seconds for its end, then kill it. One that can't be killed now is left to the kernel."""
        for seconds in (patience, _KILL_SECONDS):
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.process.wait, seconds)
                return
            self.process.kill()


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have none
        return f"signal {number}"


class Spawner:
    """Starts workers with an environment, and keeps one that has nothing to do: no module, no PIN."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._spare: Spawned | None = None

    def take(self) -> Spawned:
        """The spare process, or a new one; raises OSError."""
        spare, self._spare = self._spare, None
        if spare is not None and spare.process.poll() is None:
            return spare
        if spare is not None:
            spare.connection.close()
        return self._spawn()

    def prepare(self) -> None:
        """See to it that there is a spare process, if the system lets one be made."""
        if self._spare is None:
            with contextlib.suppress(OSError):
                self._spare = self._spawn()

    async def close(self) -> None:
        """End the spare process."""
        if self._spare is not None:
            self._spare.connection.close()
            await self._spare.end(_KILL_SECONDS)
            self._spare = None

    def _spawn(self) -> Spawned:
        """A process that has a socket, a clean environment, and nothing else of this one."""
        inherited = clean_environment(os.environ)
        inherited.pop("CREDENTIALS_DIRECTORY", None)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(
                    (*COMMAND, str(os.getpid())),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=inherited | self._environment,
                    cwd=Path("/"),
                )
            except OSError:
                ours.close()
                raise
        return Spawned(process, ours)
