"""A private PostgreSQL cluster that can be stopped, killed and started again."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.daemons import free_port

USER = "signerd"
PASSWORD = "s3cret/state"


def find_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Cluster:
    def __init__(self, binaries: Path, directory: Path) -> None:
        self._binaries = binaries
        self._data = directory / "data"
        self.port = free_port()
        passwords = directory / "password"
        passwords.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres")
            shutil.chown(passwords, "postgres")
        self._run("initdb", "-U", USER, "-A", "scram-sha-256", "--pwfile", passwords, "-D", self._data)
        settings = f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nfsync=off\n"
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self._data.parent / "log")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self._data)

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def _run(self, program: str, *arguments: object) -> None:
        # PostgreSQL refuses to run as root.
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        command = [
            *(as_user if os.geteuid() == 0 else []),
            str(self._binaries / program),
            *map(str, arguments),
        ]
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd="/",
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
