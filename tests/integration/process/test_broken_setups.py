"""Set-ups that are not right: the daemon says in one line what is wrong, or serves what it can."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from signerd.client import Backoff, Client, Reason, SignerdError
from tests.integration.process.certificates import Authority
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import Daemon, until
from tests.support.daemons import free_port

GOOD, BAD = "team-a/good", "team-a/bad"
PATIENT = Backoff(attempts=20)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a daemon that made two keys and signed, and was stopped."""
    daemon = Daemon(tmp_path_factory.mktemp("d")).start()
    with daemon.client() as client:
        for name in (GOOD, BAD):
            client.create_key(name)
            client.sign(name, message=b"x")
    assert daemon.stop() == 0
    return daemon.home


@pytest.fixture
def used(new_daemon: NewDaemon, template: Path) -> Daemon:
    """A stopped daemon with a home of its own, as the template."""
    daemon = new_daemon()
    shutil.copytree(template, daemon.home)
    return daemon


def check_refused(done: CompletedProcess[str], code: int, *texts: str) -> None:
    """One line, nothing but it, and the right exit code."""
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == code, done.stderr
    assert len(complaints) == 1, done.stderr
    assert complaints[0].startswith("signerd: ")
    for text in texts:
        assert text in complaints[0]


def key_file(daemon: Daemon, key: str) -> Path:
    [found] = (daemon.home / "keys" / key).glob("*.key")
    return found


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (flip, "can't be used"),
        (truncate, "can't be used"),
        (lambda path: path.write_bytes(b""), "can't be used"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.chmod(0o644), "0644"),
    ],
    ids=["flipped", "truncated", "empty", "gone", "readable by others"],
)
def test_a_key_file_that_can_not_be_used_stops_that_key_alone(
    used: Daemon, damage: Callable[[Path], object], why: str
) -> None:
    path = key_file(used, BAD)
    damage(path)
    used.start()
    with used.client() as client:
        with pytest.raises(SignerdError) as caught:
            client.sign(BAD, message=b"x")
        assert client.sign(GOOD, message=b"x").signature
        details = [provider.detail for provider in client.status().providers]
    assert caught.value.reason in (Reason.KEY_MATERIAL_UNREADABLE, Reason.PERMISSIONS_TOO_OPEN)
    assert path.name in caught.value.message
    assert why in caught.value.message
    assert any(path.name in detail for detail in details)
    assert "Traceback" not in used.text()


def test_a_key_file_that_was_mended_signs_again(used: Daemon) -> None:
    path = key_file(used, BAD)
    copy = path.read_bytes()
    flip(path)
    used.start()
    with used.client() as client:
        with pytest.raises(SignerdError, match="can't be used"):
            client.sign(BAD, message=b"x")
        assert path.name in used.ctl("status").stdout
        path.write_bytes(copy)
        with used.client(backoff=PATIENT) as patient:
            assert patient.sign(BAD, message=b"x").signature


def test_a_wrong_password_opens_nothing(used: Daemon) -> None:
    used.given["SIGNERD_PASSWORD"] = "wrong"
    used.start()
    with used.client() as client:
        with pytest.raises(SignerdError) as caught:
            client.sign(GOOD, message=b"x")
        assert caught.value.reason is Reason.KEY_MATERIAL_UNREADABLE
        assert "wrong" not in caught.value.message
        assert not client.status().providers[0].healthy
        assert client.public_key(GOOD).versions
    until(lambda: used.health("provider/local") == "NOT_SERVING")


def edited(daemon: Daemon, statement: str) -> None:
    connection = sqlite3.connect(daemon.home / "state.db")
    with connection:
        assert connection.execute(statement).rowcount > 0
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE keys SET purpose = 'jwt' WHERE name = 'team-a/good'",
        "UPDATE versions SET uri = replace(uri, 'bad', 'good')",
        "DELETE FROM keys WHERE name = 'team-a/bad'",
        "UPDATE revision SET value = value + 1",
    ],
)
def test_an_edited_database_is_refused(used: Daemon, statement: str) -> None:
    edited(used, statement)
    check_refused(used.run(), 4, "state database")


def reason_of_unknown(client: Client) -> Reason:
    """Why a key that nobody knows can't sign: the daemon looks into the database again for it."""
    with pytest.raises(SignerdError) as caught:
        client.sign("unknown", message=b"x")
    return caught.value.reason


def test_a_database_edited_while_the_daemon_runs_is_not_believed(used: Daemon) -> None:
    used.start()
    edited(used, "UPDATE keys SET purpose = 'jwt' WHERE name = 'team-a/good'")
    with used.client() as client:
        until(lambda: reason_of_unknown(client) is Reason.STATE_TAMPERED)
        assert client.sign(GOOD, message=b"x").signature


def test_an_older_database_is_refused(used: Daemon) -> None:
    shutil.copy(used.home / "state.db", used.directory / "old.db")
    used.start()
    with used.client() as client:
        client.create_key("team-a/newer")
    used.stop()
    shutil.copy(used.directory / "old.db", used.home / "state.db")
    check_refused(used.run(), 4, "put back")


def test_a_missing_state_key_is_refused(used: Daemon) -> None:
    (used.home / "state.key").unlink()
    check_refused(used.run(), 2, "state.key", "backup")


def test_another_state_key_is_refused(used: Daemon) -> None:
    (used.home / "state.key").write_text("0" * 64 + "\n")
    check_refused(used.run(), 4, "state database")


def test_a_damaged_audit_record_is_refused(used: Daemon) -> None:
    used.start()
    used.stop()
    # A copied log is not gone on with: the daemon has begun another.
    [path] = (used.shard.with_name("worker-0-2") / "wal").glob("*.log")
    flip(path)
    check_refused(used.run(), 4, path.name, "is damaged, and it had been durable")


def test_an_open_home_is_refused(used: Daemon) -> None:
    used.home.chmod(0o750)
    check_refused(used.run(), 3, "0750", "chmod")


def test_an_open_key_directory_is_refused(used: Daemon) -> None:
    (used.home / "keys").chmod(0o755)
    check_refused(used.run(), 3, "keys", "0755")


def test_a_home_of_somebody_else_is_refused(used: Daemon) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    os.chown(used.home, 65534, 65534)
    check_refused(used.run(), 3, str(used.home))


def test_a_second_daemon_is_refused(used: Daemon, new_daemon: NewDaemon) -> None:
    used.start()
    check_refused(new_daemon(directory=used.directory).run(), 3, f"in use by process {used.pid}")
    assert used.health() == "SERVING"


def test_a_home_that_can_not_be_made_is_refused(new_daemon: NewDaemon) -> None:
    daemon = new_daemon()
    daemon.home.write_text("a file")
    check_refused(daemon.run(), 2, str(daemon.home), "can't be made")


def test_a_socket_path_that_is_too_long_is_refused(new_daemon: NewDaemon) -> None:
    daemon = new_daemon(SIGNERD_HOME="/tmp/" + "x" * 100)
    done = daemon.run()
    assert done.returncode == 2
    assert "107" in done.stderr
    assert "shorter" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_refused(new_daemon: NewDaemon) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        check_refused(new_daemon(f"http: {{listen: '{address}'}}\n").run(), 3, address)
        listener = f"listeners: [{{name: net, tcp: '{address}', insecure_plaintext: true}}]\n"
        check_refused(new_daemon(listener).run(), 3, address)


@pytest.mark.parametrize("problem", ["missing", "not PEM", "another key"])
def test_tls_files_that_can_not_be_used_are_refused(new_daemon: NewDaemon, problem: str) -> None:
    daemon = new_daemon()
    authority = Authority(daemon.directory)
    authority.issue("server")
    if problem == "not PEM":
        (daemon.directory / "server.crt").write_text("x")
    elif problem == "missing":
        (daemon.directory / "server.key").unlink()
    else:
        authority.issue("other")
        shutil.copy(daemon.directory / "other.key", daemon.directory / "server.key")
    address = f"127.0.0.1:{free_port()}"
    daemon.file.write_text(f"listeners: [{{name: net, tcp: '{address}', tls: {authority.tls()}}}]\n")
    check_refused(daemon.run(), 2, "server.")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("workes: 2\n", "did you mean workers?"),
        ("workers: 0\n", "workers"),
        ("listeners: []\n", "listeners"),
        ("listeners: [{name: net, tcp: '127.0.0.1:1'}]\n", "has no tls"),
        ("limits: {request: 1}\n", "limits.request"),
        ("state: {url: 'postgresql://u:hunter2@h/d'}\n", "password"),
        ("providers: {a: {type: nothing}}\n", "providers.a"),
        ("[", ":1"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_line(
    new_daemon: NewDaemon, config: str, text: str
) -> None:
    daemon = new_daemon(config)
    done = daemon.run()
    assert done.returncode == 2
    assert f"{daemon.file}:1" in done.stderr
    assert text in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not daemon.home.exists()
