"""litewitness (filippo.io/torchwood), a real witness: its key in an ssh-agent, its logs in SQLite."""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from signerd.core.merkle import EMPTY_ROOT
from tests.support.daemons import free_port
from tools.install_tools import available, ensure

Found = TypeVar("Found")
NAME = "witness.example/lite"
SECONDS = 30.0


@dataclass
class LiteWitness:
    """A running witness: its verifier key, and where it listens."""

    vkey: str
    url: str
    database: Path

    def add_log(self, origin: str, *vkeys: str) -> None:
        """Have it witness a log, or take more keys for one."""
        empty = base64.b64encode(EMPTY_ROOT).decode()
        with closing(sqlite3.connect(self.database, timeout=SECONDS)) as connection, connection:
            connection.execute("INSERT OR IGNORE INTO log VALUES (?, 0, ?)", (origin, empty))
            for vkey in vkeys:
                connection.execute("INSERT INTO key VALUES (?, ?)", (origin, vkey))

    def size(self, origin: str) -> int:
        """How many records of a log it has cosigned."""
        with closing(sqlite3.connect(self.database, timeout=SECONDS)) as connection:
            row: tuple[int] = connection.execute(
                "SELECT tree_size FROM log WHERE origin = ?", (origin,)
            ).fetchone()
        return row[0]


@contextmanager
def litewitness(directory: Path) -> Iterator[LiteWitness]:
    """A witness with a new key; skips where it can't be had."""
    for needed in ("ssh-agent", "ssh-add", "ssh-keygen"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed: apt-get install openssh-client")
    if not available("litewitness"):
        pytest.skip("litewitness is not installed, and neither is go")
    program = ensure("litewitness")
    directory.mkdir(mode=0o700, exist_ok=True)
    with _agent(directory) as (agent, fingerprint):
        port, log = free_port(), directory / "log"
        command: list[str | Path] = [program, "-db", directory / "db", "-name", NAME, "-key", fingerprint]
        command += ["-listen", f"127.0.0.1:{port}", "-ssh-agent", agent, "-obscurity"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            vkey = _await(lambda: "".join(re.findall(r"vkey=(\S+)", log.read_text())), log)
            _await(lambda: _listens(port), log)
            yield LiteWitness(vkey, f"http://127.0.0.1:{port}", directory / "db")
        finally:
            process.kill()
            process.wait()


@contextmanager
def _agent(directory: Path) -> Iterator[tuple[Path, str]]:
    """An ssh-agent with a new Ed25519 key: its socket, and the key's fingerprint."""
    key, place = directory / "key", directory / "agent"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
    try:
        _await(place.exists)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(place)}
        subprocess.run(["ssh-add", "-q", key], env=environment, check=True)
        told = subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True).stdout
        yield place, told.split()[1]
    finally:
        agent.kill()
        agent.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _await(condition: Callable[[], Found], log: Path | None = None) -> Found:
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(log.read_text() if log else "no ssh-agent")
        time.sleep(0.02)
    return found
