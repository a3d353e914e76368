"""Frames: how records lie in a segment file, and how far a damaged one can be trusted.

A frame is a header of 20 bytes, little-endian, and the record's JSON:

    crc32c u32 (of everything behind it) | length of the body u32 | sequence u64 | offset in group u32 | body

A group is what one write made durable; `offset in group` is how many bytes of the group lie before the frame. A group
is written only after the one before it was durable, so every byte before the group of any valid frame had been durable:
that tells damage from a torn end. Bodies are JSON objects, whose only `{"` is at their beginning: that finds the frames
behind a damaged one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from google_crc32c import value as crc32c

HEADER: Final = struct.Struct("<IIQI")
CRC: Final = struct.Struct("<I")
BODY_LIMIT: Final = 1 << 16
CHUNK: Final = 1 << 17
BODY_BEGINS: Final = b'{"'

_pack_crc = CRC.pack
_pack_rest = struct.Struct("<IQI").pack


class Frame(NamedTuple):
    """A valid frame: its place in the file and what it holds."""

    offset: int
    sequence: int
    group: int
    body: bytes

    @property
    def end(self) -> int:
        """Offset of the byte behind the frame."""
        return self.offset + HEADER.size + len(self.body)


def frame(sequence: int, in_group: int, body: bytes) -> bytes:
    """Frame a record that begins `in_group` bytes behind the beginning of its group."""
    rest = _pack_rest(len(body), sequence, in_group) + body
    return _pack_crc(crc32c(rest)) + rest


def parse(data: bytes, at: int, base: int = 0) -> Frame | None:
    """Read the frame at `data[at]`, or None; `base` is where `data` lies in its file."""
    start = at + HEADER.size
    if start > len(data):
        return None
    crc, length, sequence, in_group = HEADER.unpack_from(data, at)
    if not 0 < length < BODY_LIMIT or start + length > len(data):
        return None
    if crc32c(data[at + CRC.size : start + length]) != crc:
        return None
    return Frame(base + at, sequence, base + at - in_group, data[start : start + length])


def walk(file: BinaryIO, start: int, end: int) -> Iterator[Frame]:
    """Yield the valid frames from `start` on, up to the first that is not one or does not end by `end`."""
    file.seek(start)
    data, base, at = file.read(min(CHUNK, end - start)), start, 0
    while True:
        found = parse(data, at, base)
        if found is not None:
            yield found
            at += HEADER.size + len(found.body)
            continue
        short = len(data) - at < HEADER.size + BODY_LIMIT
        more = file.read(max(0, min(CHUNK, end - base - len(data)))) if short else b""
        if not more:
            return
        data, base, at = data[at:] + more, base + at, 0


def durable_behind(data: bytes, at: int) -> bool:
    """Whether a frame in `data`, the rest of a file from `at` on, proves that the byte at `at` had been durable."""
    body = data.find(BODY_BEGINS, HEADER.size)
    while body >= 0:
        found = parse(data, body - HEADER.size, at)
        if found is not None and found.group > at:
            return True
        body = data.find(BODY_BEGINS, body + 1)
    return False
