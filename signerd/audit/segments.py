"""Segments: the write-ahead file of a log, `wal/00000001.log` and so on; each header says where the one before ended.

magic 8 bytes | length of the header's JSON u32 | crc32c of it u32 | JSON | frames ...
"""

from __future__ import annotations

import errno
import os
import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from google_crc32c import value as crc32c

from signerd.audit.disk import Disk

WAL: Final = "wal"
MAGIC: Final = b"SGNDLOG1"
PREFIX: Final = struct.Struct("<8sII")
HEADER_LIMIT: Final = 4096
ROOM: Final = 64 << 10
NAME: Final = re.compile(r"\d{8}\.log")
SHARD: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Beginning of a segment. `previous_length`: durable bytes of the segment before; what lies behind is no record.

    `revision` is the highest state revision of any record before this segment.
    """

    first_sequence: int
    instance: str
    number: int
    previous_length: int
    revision: int
    shard: str


@dataclass(frozen=True, slots=True)
class End:
    """How far a log is durable: `length` bytes of segment `number`."""

    number: int
    length: int


class Segment:
    """The segment that is written to."""

    def __init__(self, path: Path, fd: int, length: int, disk: Disk) -> None:
        self.path = path
        self.number = number_of(path)
        self.length = length
        self._fd = fd
        self._disk = disk
        found = os.fstat(fd)
        self._identity = (found.st_dev, found.st_ino)

    @property
    def end(self) -> End:
        """How far it is durable."""
        return End(self.number, self.length)

    def append(self, data: bytes | bytearray) -> None:
        """Append durably. Raises OSError; then nothing more may be appended here."""
        self._disk.write(self._fd, data)
        self._check(self.length + len(data))
        self.length += len(data)

    def _check(self, length: int) -> None:
        # An unlinked file, or one in a directory that moved, still takes writes.
        found = self._disk.stat(self.path)
        if (found.st_dev, found.st_ino) != self._identity:
            raise OSError(errno.ESTALE, f"{self.path.name} was removed or replaced")
        if found.st_size != length:
            raise OSError(errno.ESTALE, f"{self.path.name} was changed by somebody else")

    def give_up(self) -> None:
        """After a failure: cut back to what is durable, and put the file back if its name is gone.

        The cut may fail, the next segment's header tells readers where to stop. Raises OSError where durable records
        are gone or can't be put back.
        """
        if os.fstat(self._fd).st_size < self.length:
            raise OSError(errno.ESTALE, f"durable records were cut off {self.path.name}")
        with suppress(OSError):
            self._disk.truncate(self._fd, self.length)
        if not self._in_place():
            self._put_back()

    def _in_place(self) -> bool:
        try:
            found = self._disk.stat(self.path)
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _put_back(self) -> None:
        copy = self.path.with_suffix(".restored")
        self._disk.remove(copy)
        fd = self._disk.create(copy)
        try:
            for start in range(0, self.length, 1 << 20):
                self._disk.write(fd, os.pread(self._fd, min(1 << 20, self.length - start), start))
            copy.replace(self.path)
            self._disk.sync_directory(self.path.parent)
        except OSError:
            self._disk.remove(copy)
            raise
        finally:
            os.close(fd)

    def close(self) -> None:
        """Close the file; everything in it is durable already."""
        os.close(self._fd)


def create(directory: Path, header: Header, disk: Disk, room: int = ROOM) -> Segment:
    """Create a segment durably, or leave nothing. Raises OSError, also when there is no room for `room` bytes more."""
    path, data = path_of(directory, header.number), pack(header)
    if path.exists() and path.stat().st_size <= len(data):
        disk.remove(path)  # left over from a try before this one: there is no room for a record in it
    fd = disk.create(path)
    try:
        disk.write(fd, data)
        disk.reserve(fd, len(data), room)
        disk.sync_directory(path.parent)
        return Segment(path, fd, len(data), disk)
    except OSError:
        os.close(fd)
        disk.remove(path)
        raise


def pack(header: Header) -> bytes:
    """Bytes at the beginning of a segment."""
    body = msgspec.json.encode(header)
    return PREFIX.pack(MAGIC, len(body), crc32c(body)) + body


def read_header(file: BinaryIO) -> tuple[Header, int] | None:
    """Read the header and its length, file position at 0; None where there is no valid one."""
    prefix = file.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    magic, length, crc = PREFIX.unpack(prefix)
    if magic != MAGIC or length > HEADER_LIMIT:
        return None
    body = file.read(length)
    if len(body) < length or crc32c(body) != crc:
        return None
    try:
        return msgspec.json.decode(body, type=Header), PREFIX.size + length
    except msgspec.DecodeError:
        return None


def path_of(directory: Path, number: int) -> Path:
    """Where a segment of a shard lies."""
    return directory / WAL / f"{number:08d}.log"


def number_of(path: Path) -> int:
    """Number of the segment in a file."""
    return int(path.stem)


def segments_in(directory: Path) -> list[Path]:
    """The segments of a shard, oldest first; none where it has no write-ahead file. Raises OSError."""
    try:
        found = [path for path in (directory / WAL).iterdir() if NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, key=number_of)
