"""HTTP/2 by hand (RFC 9113), to do what no library lets a client do."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4


def connected(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(10)
    made.connect(str(path))
    return made


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Section 4.1."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def opening() -> bytes:
    """What a client says first."""
    return PREFACE + frame(SETTINGS, 0, 0)


def headers(stream: int, method: str) -> bytes:
    """The beginning of a call that has no end yet: HPACK (RFC 7541) without compression."""
    fields = b"\x83\x86" + _literal(b"\x04", method.encode()) + _literal(b"\x01", b"localhost")
    for name, value in ((b"content-type", b"application/grpc"), (b"te", b"trailers")):
        fields += b"\x00" + _text(name) + _text(value)
    return frame(HEADERS, END_HEADERS, stream, fields)


def message(stream: int, body: bytes, *, last: bool = True) -> bytes:
    """One gRPC message."""
    return frame(DATA, END_STREAM if last else 0, stream, struct.pack(">BI", 0, len(body)) + body)


def _literal(index: bytes, value: bytes) -> bytes:
    return index + _text(value)


def _text(value: bytes) -> bytes:
    assert len(value) < 127
    return bytes([len(value)]) + value
