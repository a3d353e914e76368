"""Files of commands, and the progress of large ones."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from signerd.cli.files import length_of, opened, read_password, write_whole
from signerd.cli.progress import PATIENCE, Counted

ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"


def test_a_pipe_becomes_seekable(directory: Path) -> None:
    pipe = directory / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"through the pipe",))
    writer.start()
    with opened(pipe) as stream:
        assert length_of(stream) == 16
        assert stream.read() == b"through the pipe"
    writer.join()


def test_a_written_file_follows_the_umask(directory: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(directory / "out", b"x")
    finally:
        os.umask(before)
    assert (directory / "out").stat().st_mode & 0o777 == 0o640


def test_a_failed_write_leaves_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    (directory / "out").write_bytes(b"older")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(directory / "out", b"newer")
    assert [path.name for path in directory.iterdir()] == ["out"]
    assert (directory / "out").read_bytes() == b"older"


def test_a_password_is_asked_for_on_a_terminal_and_only_if_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNERD_IMPORT_PASSWORD", raising=False)
    monkeypatch.setattr("click.prompt", lambda *_, **options: "typed" if options["hide_input"] else "shown")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert read_password(ENCRYPTED, None) == b""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert read_password(ENCRYPTED, None) == b"typed"
    assert read_password(b"-----BEGIN PRIVATE KEY-----\n", None) == b""


@pytest.mark.parametrize(("terminal", "shown"), [(True, True), (False, False)])
def test_a_bar_is_shown_after_a_while_and_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool, shown: bool
) -> None:
    now = [0.0]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    counted = Counted(io.BytesIO(b"abcd"), 4, clock=lambda: now[0])
    counted.read(2)
    assert capsys.readouterr().err == ""
    now[0] = PATIENCE
    assert counted.read(2) == b"cd"
    counted.close()
    assert ("4/4 bytes" in capsys.readouterr().err) is shown


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"signature")
    assert os.read(reader, 100) == b"signature"
    os.close(reader)
    assert pipe.is_fifo()
