"""Records, segments written byte by byte, and a disk that fails."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from signerd.audit.disk import Disk
from signerd.audit.frames import frame
from signerd.audit.records import FORMAT, Record, encode
from signerd.audit.segments import Header, pack, path_of


def make_record(**fields: object) -> Record:
    return Record(**({"operation": "sign", "outcome": "ok", "key": "team-a/release"} | fields))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Several:
    """One entry of many records."""

    made: list[Record]

    def records(self) -> list[Record]:
        return self.made


def body(sequence: int, **fields: object) -> bytes:
    return encode(make_record(sequence=sequence, shard="0", v=FORMAT, **fields))


def group_of(first: int, count: int) -> bytes:
    data = b""
    for sequence in range(first, first + count):
        data += frame(sequence, len(data), body(sequence))
    return data


def header_of(number: int = 1, first: int = 1, previous_length: int = 0, revision: int = 0) -> bytes:
    return pack(
        Header(
            first_sequence=first,
            instance="i",
            number=number,
            previous_length=previous_length,
            revision=revision,
            shard="0",
        )
    )


class ShardFiles:
    """A shard's directory, written byte by byte."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "0"
        (self.directory / "wal").mkdir(mode=0o700, parents=True)

    def put(self, data: bytes, number: int = 1) -> Path:
        path = path_of(self.directory, number)
        path.write_bytes(data)
        return path


class FaultyDisk(Disk):
    """A disk that fails while `fault` is set; `partial` bytes of a failing write get through first."""

    def __init__(self) -> None:
        self.fault: int | None = None
        self.partial = 0
        self.stuck = self.no_new = self.defect = self.waiting = False
        self.gate = threading.Event()
        self.gate.set()
        self.writes = 0

    def _fail(self) -> None:
        if self.fault is not None:
            raise OSError(self.fault, os.strerror(self.fault))

    def create(self, path: Path) -> int:
        self._fail()
        if self.no_new:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().create(path)

    def write(self, fd: int, data: bytes | bytearray) -> None:
        self.writes += 1
        self.waiting = True
        self.gate.wait(10)
        self.waiting = False
        if self.defect:
            raise ZeroDivisionError
        if self.fault is not None and self.partial:
            super().write(fd, data[: self.partial])
        self._fail()
        super().write(fd, data)

    def truncate(self, fd: int, length: int) -> None:
        if self.stuck:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().truncate(fd, length)

    def reserve(self, fd: int, length: int, room: int) -> None:
        self._fail()
