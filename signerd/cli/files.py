"""Files of commands: inputs, stdin, passwords, and results that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

STDIN = Path("-")
LARGE = 3 * 1024 * 1024  # bytes; larger inputs do not fit into one request
PASSWORD_VARIABLE = "SIGNERD_IMPORT_PASSWORD"  # noqa: S105 - a name
ENCRYPTED = (b"ENCRYPTED", b"Proc-Type: 4")


def read_input(file: Path) -> bytes:
    """The bytes of a file, or of stdin for `-`."""
    return sys.stdin.buffer.read() if file == STDIN else file.read_bytes()


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """A seekable file; stdin is kept in a temporary file, since its length must be known before it is sent."""
    if file != STDIN and file.is_file():
        with file.open("rb") as stream:
            yield stream
        return
    with tempfile.TemporaryFile() as spool:
        if file == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, spool)
        else:
            with file.open("rb") as stream:  # a pipe or device
                shutil.copyfileobj(stream, spool)
        spool.seek(0)
        yield spool


def length_of(stream: BinaryIO) -> int:
    """Length of a seekable file in bytes; it is left at its start."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return length


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all; what is a device or pipe is written to, never replaced."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read_password(private_key: bytes, password_file: Path | None) -> bytes:
    """Password of an encrypted private key, without its final newline; empty for a plain one."""
    if password_file:
        return password_file.read_bytes().removesuffix(b"\n").removesuffix(b"\r")
    if (given := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return given.encode()
    if any(mark in private_key for mark in ENCRYPTED) and sys.stdin.isatty():
        asked: str = click.prompt(
            "Password of the private key", hide_input=True, err=True, default="", show_default=False
        )
        return asked.encode()
    return b""
