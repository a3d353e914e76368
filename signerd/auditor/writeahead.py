"""The write-ahead file of a shard: segments of frames, as docs/audit-log.md defines them, read from the oldest on."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from google_crc32c import value as crc32c

from signerd.auditor.verdicts import wrong

MAGIC: Final = b"SGNDLOG1"
NAME: Final = re.compile(r"(?!0{8})[0-9]{8}\.log")
_PREFIX: Final = struct.Struct("<8sII")
_FRAME: Final = struct.Struct("<IIQI")
_CRC: Final = 4
_BODY_LIMIT: Final = 1 << 16
_BODY_BEGINS: Final = b'{"'


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Beginning of a segment."""

    first_sequence: int
    instance: str
    number: int
    previous_length: int
    revision: int
    shard: str


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """An open segment, and how much of it is read: what is written later is not looked at."""

    name: str
    descriptor: int
    size: int

    def read(self) -> bytes:
        """Its bytes. Raises OSError."""
        return os.pread(self.descriptor, self.size, 0)


@dataclass(frozen=True, slots=True)
class _Segment:
    name: str
    data: bytes
    header: Header
    start: int


@dataclass(frozen=True, slots=True)
class _Frame:
    sequence: int
    group: int  # offset at which its group begins
    end: int
    body: bytes


class WriteAhead:
    """Records of the segments. `origin` is the log's; `torn` the number of bytes at the end that are no record.

    `first` is the number of the first record, 0 where there is no write-ahead file; `last` the last one taken.
    """

    def __init__(self, files: Sequence[SegmentFile], origin: str) -> None:
        self._files = files
        self._origin = origin
        self.torn = 0
        self.first = self._read(0).header.first_sequence if files else 0
        self.last = self.first - 1
        self._bodies = self._walk()

    def take(self, first: int, count: int) -> list[bytes]:
        """Up to `count` records from number `first` on; those in front of it are passed over.

        Fewer where the file begins or ends in between: they are the last of the range, or its first.
        """
        found: list[bytes] = []
        while self.first and self.last < first + count - 1 and self.first <= first + count - 1:
            body = next(self._bodies, None)
            if body is None:
                break
            self.last += 1
            if self.last >= first:
                found.append(body)
        return found

    def _walk(self) -> Iterator[bytes]:
        sequence = self.first
        following = self._read(0) if self._files else None
        for at in range(len(self._files)):
            segment, following = following, self._next(at)
            if segment is None:
                break
            if segment.header.first_sequence != sequence:
                wrong(segment.name, f"begins with record {segment.header.first_sequence}, not {sequence}")
            for body in self._records(segment, following):
                yield body
                sequence += 1

    def _next(self, at: int) -> _Segment | None:
        if at + 1 == len(self._files):
            return None
        return None if self._is_unborn(at + 1) else self._read(at + 1)

    def _is_unborn(self, at: int) -> bool:
        """Whether it is a last segment whose header a crash cut off, so that no record is in it."""
        if at + 1 < len(self._files):
            return False
        data = self._files[at].read()
        if _header(data) is not None or _durable_behind(data, 0):
            return False
        self.torn += len(data)
        return True

    def _records(self, segment: _Segment, following: _Segment | None) -> Iterator[bytes]:
        sequence, at, group = segment.header.first_sequence, segment.start, segment.start
        end = len(segment.data) if following is None else following.header.previous_length
        while at < end:
            frame = _frame(segment.data, at)
            if frame is None or frame.end > end:
                break
            if frame.sequence != sequence or frame.group not in (group, at):
                wrong(segment.name, f"byte {at}: is not record {sequence}, which should stand here")
            yield frame.body
            at, group, sequence = frame.end, frame.group, sequence + 1
        if at != end:
            self._end(segment, at, sequence, sealed=following is not None)

    def _end(self, segment: _Segment, at: int, sequence: int, *, sealed: bool) -> None:
        """Bytes at the end that are no record: what a crash left, or damage."""
        if sealed or _durable_behind(segment.data, at):
            wrong(segment.name, f"byte {at}: record {sequence} is damaged, and it had been durable")
        self.torn += len(segment.data) - at

    def _read(self, at: int) -> _Segment:
        file = self._files[at]
        name, data = f"wal/{file.name}", file.read()
        found = _header(data)
        if found is None:
            wrong(name, "has no valid header")
        header, start = found
        number = int(self._files[0].name[:8]) + at
        if header.number != number or file.name != f"{number:08d}.log":
            wrong(f"wal/{number:08d}.log", f"is missing; {file.name} has number {header.number}")
        if f"{header.instance}/{header.shard}" != self._origin:
            wrong(name, f"is of the log {header.instance}/{header.shard}"[:200])
        return _Segment(name, data, header, start)


def _header(data: bytes) -> tuple[Header, int] | None:
    if len(data) < _PREFIX.size:
        return None
    magic, length, crc = _PREFIX.unpack_from(data)
    body = data[_PREFIX.size : _PREFIX.size + length]
    if magic != MAGIC or len(body) < length or crc32c(body) != crc:
        return None
    try:
        header = msgspec.json.decode(body, type=Header)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return header, _PREFIX.size + length


def _frame(data: bytes, at: int) -> _Frame | None:
    start = at + _FRAME.size
    if start > len(data):
        return None
    crc, length, sequence, in_group = _FRAME.unpack_from(data, at)
    end = start + length
    if not 0 < length < _BODY_LIMIT or end > len(data) or crc32c(data[at + _CRC : end]) != crc:
        return None
    return _Frame(sequence, at - in_group, end, data[start:end])


def _durable_behind(data: bytes, at: int) -> bool:
    """Whether a frame of a later group follows: a group is written only when the one before is durable."""
    body = data.find(_BODY_BEGINS, at + _FRAME.size)
    while body >= 0:
        frame = _frame(data, body - _FRAME.size)
        if frame is not None and frame.group > at:
            return True
        body = data.find(_BODY_BEGINS, body + 1)
    return False
