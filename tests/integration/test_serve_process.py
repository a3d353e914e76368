"""The `signerd` command as real processes: start, stop, refusals, workers that crash."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import sleep

import pytest

from tests.support.daemons import free_port

COMMAND = [sys.executable, "-c", "from signerd.serve import main; main(prog_name='signerd')"]
SECONDS = 60


class Daemon:
    """A running `signerd serve`, and what it tells the service manager."""

    def __init__(self, directory: Path, *args: str, **env: str) -> None:
        self.directory = directory
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.told.bind(str(directory / "notify"))
        self.told.settimeout(SECONDS)
        self.process = subprocess.Popen(
            [*COMMAND, "serve", *args],
            env=environment(directory, NOTIFY_SOCKET=str(directory / "notify"), **env),
            stderr=(directory / "log").open("ab"),
            start_new_session=True,
        )

    def hear(self, beginning: str) -> None:
        """Wait for a message to the service manager."""
        while not self.told.recv(1000).decode().startswith(beginning):
            pass

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self.told.close()
        (self.directory / "notify").unlink()
        return code

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return sorted(map(int, children.read_text().split()))


def environment(directory: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNERD")}
    path = os.pathsep.join(filter(None, sys.path))
    return {**kept, "SIGNERD_HOME": str(directory / "home"), "PYTHONPATH": path, **more}


def run(directory: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *args],
        env=environment(directory, **env),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def until(met: Callable[[], bool]) -> None:
    for _ in range(SECONDS * 20):
        if met():
            return
        sleep(0.05)
    pytest.fail("it did not happen")


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("d")


@pytest.fixture
def start(directory: Path) -> Iterator[Callable[..., Daemon]]:
    started: list[Daemon] = []

    def begin(*args: str, **env: str) -> Daemon:
        started.append(Daemon(directory, *args, **env))
        return started[-1]

    yield begin
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait(SECONDS)


def two_workers(directory: Path, more: str = "") -> tuple[str, int]:
    port = free_port()
    file = directory / "c.yaml"
    file.write_text(f"workers: 2\nhttp: {{listen: '127.0.0.1:{port}'}}\n{more}")
    return str(file), port


def test_one_process_starts_is_alone_and_stops(start: Callable[..., Daemon], directory: Path) -> None:
    daemon = start(SIGNERD_PASSWORD="hunter2")
    daemon.hear("READY=1")
    home = directory / "home"
    assert (home / "run" / "signerd.sock").stat().st_mode & 0o777 == 0o600
    assert (home / "run").stat().st_mode & 0o777 == 0o700
    assert not (home / "password").exists()
    second = run(directory, "serve")
    assert second.returncode == 3
    assert f"in use by process {daemon.process.pid}" in second.stderr
    assert second.stderr.count("\n") == 1
    assert daemon.stop() == 0
    assert not (home / "run" / "signerd.sock").exists()
    again = start()
    again.hear("READY=1")
    assert again.stop(signal.SIGINT) == 0
    assert str(home / "password") in (directory / "log").read_text()


def test_a_reload_is_announced_and_a_bad_file_survived(start: Callable[..., Daemon], directory: Path) -> None:
    file = directory / "c.yaml"
    file.write_text("drain: 1s")
    daemon = start("--config", str(file))
    daemon.hear("READY=1")
    for content, event in (("drain: 2s", "config reloaded"), ("drian: 2s", "did you mean drain?")):
        file.write_text(content)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.hear("RELOADING=1")
        daemon.hear("READY=1")
        assert event in (directory / "log").read_text()
    assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_crashed_worker_comes_back(start: Callable[..., Daemon], directory: Path, number: int) -> None:
    file, port = two_workers(directory)
    daemon = start("--config", file)
    daemon.hear("READY=1")
    assert get(port, "/readyz") == (200, "ok\n")
    before = daemon.workers()
    os.kill(before[0], number)
    until(lambda: len(daemon.workers()) == 2 and daemon.workers() != before)
    until(lambda: get(port, "/readyz")[0] == 200)
    metrics = get(port, "/metrics")[1]
    assert 'signerd_in_flight{worker="0"}' in metrics
    assert 'signerd_in_flight{worker="1"}' in metrics
    assert daemon.stop() == 0


def test_workers_show_no_secrets_and_end_with_their_parent(
    start: Callable[..., Daemon], directory: Path
) -> None:
    file, _ = two_workers(directory)
    daemon = start("--config", file, SIGNERD_PASSWORD="hunter2", MY_TOKEN="hunter3")
    daemon.hear("READY=1")
    workers = daemon.workers()
    for worker in workers:
        for shown in ("environ", "cmdline"):
            assert b"hunter" not in Path(f"/proc/{worker}/{shown}").read_bytes()
    daemon.stop(signal.SIGKILL)
    for worker in workers:
        until(lambda worker=worker: not running(worker))  # type: ignore[misc]
    again = start("--config", file)
    again.hear("READY=1")
    assert again.stop() == 0


def running(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_workers_that_can_not_start_end_the_parent(directory: Path) -> None:
    tls = "{cert: none.crt, key: none.key, client_ca: none.ca}"
    listener = f"{{name: net, tcp: '127.0.0.1:{free_port()}', tls: {tls}}}"
    file, _ = two_workers(directory, f"listeners: [{listener}]\n")
    done = run(directory, "serve", "--config", file)
    assert done.returncode not in (0, 1)
    assert "Traceback" not in done.stderr
    assert "none." in done.stderr


def test_refusals_are_one_line_with_a_remedy(directory: Path) -> None:
    (directory / "home").mkdir(mode=0o755)
    (directory / "home").chmod(0o755)
    bad = directory / "bad.yaml"
    bad.write_text("workes: 2")
    for args, code, text in (
        (["serve"], 3, "has mode 0755"),
        (["serve", "--config", str(bad)], 2, f"{bad}:1: workes: is no setting; did you mean workers?"),
        (["serve", "--config", str(directory / "none")], 2, "No such file"),
        (["config", "check", str(bad)], 2, "did you mean workers?"),
        (["serve", "--port", "1"], 2, "No such option"),
    ):
        done = run(directory, *args)
        assert (done.returncode, done.stdout) == (code, "")
        assert text in done.stderr
        assert "Traceback" not in done.stderr


def test_a_database_that_is_none_stops_the_start(directory: Path) -> None:
    (directory / "home").mkdir(mode=0o700)
    database = directory / "home" / "state.db"
    database.write_bytes(b"no database" * 100)
    database.chmod(0o600)
    done = run(directory, "serve")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_the_example_and_the_version(directory: Path) -> None:
    shown = run(directory, "config", "example")
    (directory / "example.yaml").write_text(shown.stdout)
    checked = run(directory, "config", "check", str(directory / "example.yaml"))
    assert (checked.returncode, checked.stdout) == (0, f"{directory / 'example.yaml'}: ok\n")
    assert run(directory, "version").stdout.startswith("signerd ")


def test_help_loads_nothing_heavy(directory: Path) -> None:
    code = "import sys; from signerd.serve import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"grpc", "pydantic", "sqlalchemy", "structlog", "uvicorn", "yaml", "cryptography"}
