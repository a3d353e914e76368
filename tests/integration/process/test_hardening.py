"""What others on a shared host can see of the daemon, and what it leaves behind."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from signerd.client import Client, Reason, SignerdError
from signerd.core.pem import write_block
from signerd.core.private_keys import to_pkcs8
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon, http, until
from tests.support.daemons import free_port

KEY = "team-a/release"
SECRET = "marker-password-5d2f"
PAYLOAD = "marker-payload-91c7"
KEY_PASSWORD = "marker-import-3b8a"
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_files_and_directories_are_for_the_owner_alone(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.create_key(KEY)
        client.sign(KEY, message=b"x")
    assert mode(daemon.home) == 0o700
    assert mode(daemon.socket.parent) == 0o700
    assert mode(daemon.socket) == 0o600
    for path in daemon.home.rglob("*"):
        assert mode(path) & 0o077 == 0, path


def limits(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max core file size")).split()


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_no_core_files_and_no_new_privileges(daemon: Daemon) -> None:
    assert limits(daemon.pid)[4:6] == ["0", "0"]
    assert status(daemon.pid)["NoNewPrivs"] == "1"
    assert status(daemon.pid)["Umask"] == "0077"
    assert status(daemon.pid)["CoreDumping"] == "0"


@as_root
def test_processes_of_the_same_user_can_not_look_into_it(new_daemon: NewDaemon) -> None:
    """Not dumpable: /proc/PID belongs to root, so that not even the daemon's own user can read its memory."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    daemon = new_daemon()
    os.chown(daemon.directory, NOBODY, NOBODY)
    for parent in (daemon.directory.parent, daemon.directory.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o011)
    daemon.process = as_nobody(daemon, *daemon.command())
    ordinary = as_nobody(daemon, sys.executable, "-c", "import time; time.sleep(300)")
    try:
        until(lambda: daemon.health() == "SERVING")
        assert Path(f"/proc/{ordinary.pid}/environ").stat().st_uid == NOBODY
        for name in ("environ", "mem", "maps"):
            assert Path(f"/proc/{daemon.pid}/{name}").stat().st_uid == 0
    finally:
        ordinary.kill()
        ordinary.wait()


def as_nobody(daemon: Daemon, *command: str) -> subprocess.Popen[bytes]:
    """A process of another user, who may read what its program is made of wherever that is installed."""
    capability = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with daemon.log.open("ab") as log:
        return subprocess.Popen(
            ["setpriv", *user, *capability, *command],
            env=daemon.environment(),
            cwd=daemon.directory,
            stdin=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )


def test_children_get_no_password(new_daemon: NewDaemon) -> None:
    port = free_port()
    daemon = new_daemon(f"workers: 2\nhttp: {{listen: '127.0.0.1:{port}'}}\n", SIGNERD_PASSWORD=SECRET)
    daemon.given["OTHER_TOKEN"] = SECRET
    daemon.start()
    until(lambda: http(port, "/readyz")[0] == 200)
    workers = list(daemon.workers().values())
    assert len(workers) == 2
    for pid in workers:
        assert limits(pid)[4:6] == ["0", "0"]
        for name in ("environ", "cmdline"):
            assert SECRET.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    assert SECRET.encode() not in Path(f"/proc/{daemon.pid}/cmdline").read_bytes()


@as_root
def test_the_client_refuses_a_socket_of_somebody_else(daemon: Daemon) -> None:
    os.chown(daemon.socket, NOBODY, NOBODY)
    with pytest.raises(SignerdError) as caught, Client(daemon.settings()) as client:
        client.status()
    assert caught.value.reason is Reason.SOCKET_UNTRUSTED
    done = daemon.ctl("status")
    assert done.returncode == 3
    assert str(NOBODY) in done.stderr


def test_secrets_stand_in_no_file_and_no_log(new_daemon: NewDaemon) -> None:
    daemon = new_daemon("log: {level: debug}\n", SIGNERD_PASSWORD=SECRET).start()
    private_key = ec.generate_private_key(ec.SECP256R1())
    pem = write_block("PRIVATE KEY", to_pkcs8(private_key))
    scalar = private_key.private_numbers().private_value.to_bytes(32, "big")
    with daemon.client() as client:
        client.create_key(KEY)
        client.import_key("imported", pem)
        for wrong in (b"junk " + KEY_PASSWORD.encode(), pem[:80]):
            with pytest.raises(SignerdError):
                client.import_key("other", wrong, password=KEY_PASSWORD.encode())
        client.sign(KEY, message=PAYLOAD.encode())
        client.sign(KEY, dsse=("text/plain", PAYLOAD.encode()))
        client.sign_stream(KEY, iter([PAYLOAD.encode()]), length=len(PAYLOAD))
        with pytest.raises(SignerdError):
            client.verify(KEY, b"wrong", message=PAYLOAD.encode())
    daemon.given["SIGNERD_PASSWORD"] = "x"
    assert daemon.stop() == 0
    forms = [SECRET.encode(), PAYLOAD.encode(), KEY_PASSWORD.encode(), scalar, pem.splitlines()[1]]
    forms += [form for whole in forms for form in (base64.b64encode(whole)[:-4], whole.hex().encode())]
    for path in (path for path in daemon.directory.rglob("*") if path.is_file()):
        content = path.read_bytes().replace(b"\n", b"")
        for form in forms:
            assert form not in content, path
