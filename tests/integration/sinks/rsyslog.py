"""rsyslogd with a configuration of its own, on a free port, started and stopped by a test."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.support.daemons import free_port

PROGRAM = Path("/usr/sbin/rsyslogd")
TLS_DRIVER = "lmnsd_ossl.so"
# Every part of RFC 5424 on its own; the message at the end.
TEMPLATE = "%pri%|%timereported:::date-rfc3339%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n"


def why_not() -> str:
    """Why it can't be used here; empty if it can."""
    if not PROGRAM.exists():
        return "needs rsyslogd"
    found = any(path.exists() for path in Path("/usr/lib").glob(f"*/rsyslog/{TLS_DRIVER}"))
    return "" if found else "needs rsyslog's TLS driver (rsyslog-openssl)"


class Rsyslog:
    """Writes what it gets to `output`, with `tls` from clients with a certificate of the CA only."""

    def __init__(self, directory: Path, *, tls: bool = False) -> None:
        self.output = directory / "received"
        self.port = free_port()
        self._directory = directory
        self._file = directory / "rsyslog.conf"
        self._file.write_text(self._configuration(tls))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"localhost:{self.port}"

    def _configuration(self, tls: bool) -> str:
        files = "".join(
            f' DefaultNetstreamDriver{name}File="{self._directory / file}"'
            for name, file in (("CA", "ca.crt"), ("Cert", "server.crt"), ("Key", "server.key"))
        )
        driver = ' StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid"'
        return (
            f'global(workDirectory="{self._directory}" maxMessageSize="64k"{files if tls else ""})\n'
            f'module(load="imtcp"{driver if tls else ""})\n'
            f'input(type="imtcp" port="{self.port}")\n'
            f'template(name="parts" type="string" string="{TEMPLATE}")\n'
            f'action(type="omfile" file="{self.output}" template="parts")\n'
        )

    def start(self) -> None:
        self._process = subprocess.Popen(
            [PROGRAM, "-n", "-f", self._file, "-i", self._directory / "pid"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._directory / "log").open("ab"),
        )
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError((self._directory / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def lines(self) -> list[list[str]]:
        """What came, in parts."""
        if not self.output.exists():
            return []
        text = self.output.read_text("utf-8")
        return [line.split("|", 6) for line in text.split("\n")[:-1]]
