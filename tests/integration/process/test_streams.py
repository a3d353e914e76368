"""Streams of any length are signed in constant memory, by the library and by signerctl."""

from __future__ import annotations

import hashlib
import os
import pty
import select
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from signerd.client import Reason, SignerdError
from tests.integration.process.daemons import BIN, SOAK, Daemon, memory, reset_peak, sized, tell

KEY = "team-a/release"
MIB = 1 << 20
LENGTH = 5 * 1024 * MIB if SOAK else 256 * MIB
CHUNK = bytes(range(256)) * 1024
MOST_GROWTH = 32
PAUSE = 6.0
SPARSE = 1024 * MIB if SOAK else 64 * MIB


@pytest.fixture
def signing(daemon: Daemon) -> Daemon:
    with daemon.client() as client:
        client.create_key(KEY)
        client.create_key("team-a/pure", algorithm="ed25519")
        client.create_key("team-a/ml", algorithm="ml-dsa-44")
        for key in (KEY, "team-a/ml"):
            client.sign(key, message=b"unlock")
            client.sign_stream(key, iter([CHUNK] * 16), length=16 * len(CHUNK))
    return daemon


def generated(length: int) -> Iterator[bytes]:
    for _ in range(length // len(CHUNK)):
        yield CHUNK


def digest_of(length: int) -> str:
    found = hashlib.sha256()
    for chunk in generated(length):
        found.update(chunk)
    return f"sha256:{found.hexdigest()}"


@sized
@pytest.mark.parametrize("key", [KEY, "team-a/ml"])
def test_memory_does_not_grow_with_the_stream(signing: Daemon, key: str) -> None:
    reset_peak(signing.pid)
    before = memory(signing.pid, "VmHWM")
    with signing.client() as client:
        signed = client.sign_stream(key, generated(LENGTH), length=LENGTH, timeout=3600)
        after = memory(signing.pid, "VmHWM")
        if key == KEY:
            assert client.verify(key, signed.signature, digest=digest_of(LENGTH)).key_id
    tell(f"stream of {LENGTH // MIB} MiB with {key}: peak RSS {before} -> {after} MiB")
    assert after - before < MOST_GROWTH


def test_what_needs_the_whole_message_is_refused_before_it_is_sent(signing: Daemon) -> None:
    sent = 0

    def counted() -> Iterator[bytes]:
        nonlocal sent
        for chunk in generated(LENGTH):
            sent += len(chunk)
            yield chunk

    with signing.client() as client, pytest.raises(SignerdError) as caught:
        client.sign_stream("team-a/pure", counted(), length=LENGTH)
    assert caught.value.reason is Reason.REQUEST_TOO_LARGE
    assert "limits.payload" in caught.value.message
    assert sent < LENGTH / 2


def test_signerctl_signs_a_big_file_and_shows_how_far_it_is(signing: Daemon) -> None:
    with (signing.directory / "big").open("wb") as file:
        file.truncate(SPARSE)
    # The bar is for uploads that take some seconds: the daemon pauses for that long.
    os.kill(signing.pid, signal.SIGSTOP)
    pause = threading.Timer(PAUSE, os.kill, (signing.pid, signal.SIGCONT))
    pause.start()
    code, shown = on_terminal(signing, "sign", "--key", KEY, "--output-signature", "sig", "big")
    pause.join()
    assert code == 0, shown
    assert "MB" in shown
    assert signing.ctl("verify", "--key", KEY, "--signature", "sig", "big").returncode == 0
    quiet = signing.ctl("sign", "--key", KEY, "big")
    assert (quiet.returncode, quiet.stderr) == (0, "")


def on_terminal(daemon: Daemon, *arguments: str) -> tuple[int, str]:
    """Run signerctl with a terminal; its exit code and what the terminal showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(BIN / "signerctl"), *arguments],
        env={**daemon.environment(), "TERM": "xterm-256color", "COLUMNS": "100"},
        cwd=daemon.directory,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the terminal is gone with its last user
                break
            shown += part
        code = process.wait(60)
    os.close(ours)
    return code, shown.decode(errors="replace")
