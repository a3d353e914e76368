from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.process import clean_environment, notify

HARDENED = """
import ctypes, json, os, resource
from signerd.process import harden
harden()
mask = os.umask(0)
print(json.dumps({
    "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    "no_new_privs": ctypes.CDLL(None).prctl(39, 0, 0, 0, 0),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "umask": mask,
    "owner": os.stat("/proc/self/environ").st_uid,
}))
"""


def run(code: str) -> str:
    # The import path as it is here: the package need not be installed.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout


def test_a_hardened_process_shows_its_memory_to_nobody() -> None:
    state = json.loads(run(HARDENED))
    assert state == {"dumpable": 0, "no_new_privs": 1, "core": [0, 0], "umask": 0o077, "owner": 0}


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    code = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal, sys
from signerd.process import die_with
die_with(os.getppid())
print("bound", flush=True)
signal.pause()
'''], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    # The pipe was inherited by the child too: that run() returned says that both are gone.
    assert int(done.stdout) > 0
    assert done.returncode == -9


def test_one_whose_parent_is_gone_already_ends_at_once() -> None:
    code = "from signerd.process import die_with; die_with(1 << 22); print('still here')"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (-15, "")


def test_children_get_no_secrets() -> None:
    env = {
        "PATH": "/bin",
        "HOME": "/root",
        "LC_ALL": "C",
        "LD_PRELOAD": "/x.so",
        "SIGNERD_PASSWORD": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "NOTIFY_SOCKET": "/run/x",
        "MODULE": "m",
    }
    assert clean_environment(env) == {"PATH": "/bin", "HOME": "/root", "LC_ALL": "C"}
    assert clean_environment(env, ["MODULE"])["MODULE"] == "m"


@pytest.fixture(params=["file", "abstract"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@signerd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0"))
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield receiver


def test_the_service_manager_is_told(manager: socket.socket) -> None:
    assert notify("READY=1\nSTATUS=serving")
    assert manager.recv(100) == b"READY=1\nSTATUS=serving"


def test_a_reload_carries_its_time(manager: socket.socket) -> None:
    assert notify("RELOADING=1")
    first, second = manager.recv(100).decode().split("\n")
    assert first == "RELOADING=1"
    assert second.removeprefix("MONOTONIC_USEC=").isdigit()


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_without_a_service_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not notify("READY=1")
