"""Inputs of streams: files and iterators as chunks of bounded size, and their length."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import aclosing, nullcontext
from typing import BinaryIO, Protocol, runtime_checkable

from signerd.errors import Reason, SignerdError

CHUNK = 256 * 1024


@runtime_checkable
class Readable(Protocol):
    """A binary file, or what reads like one."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""


Source = Readable | Iterable[bytes]
AsyncSource = Source | AsyncIterable[bytes]


def length_of(source: object, declared: int | None) -> int:
    """Declared length in bytes, or what is left in a seekable file; raises STREAM_INVALID where neither is known."""
    if declared is not None:
        return declared
    if isinstance(source, Readable) and hasattr(source, "seek") and hasattr(source, "tell"):
        return _left(source)  # type: ignore[arg-type]
    raise SignerdError(
        Reason.STREAM_INVALID, "the length of this input is not known; give it", field="length"
    )


def _left(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def chunks_of(source: Source) -> Iterator[bytes]:
    """Non-empty chunks of at most CHUNK bytes."""
    if isinstance(source, Readable):
        while data := source.read(CHUNK):
            yield data
    else:
        for data in source:
            yield from cut(data)


async def async_chunks_of(source: AsyncSource) -> AsyncGenerator[bytes, None]:
    """As `chunks_of`; files are read off the event loop, asynchronous generators are closed."""
    if isinstance(source, Readable):
        from asyncio import to_thread

        while data := await to_thread(source.read, CHUNK):
            yield data
    elif isinstance(source, AsyncIterable):
        async with aclosing(source) if isinstance(source, AsyncGenerator) else nullcontext():
            async for data in source:
                for part in cut(data):
                    yield part
    else:
        for part in chunks_of(source):
            yield part


def cut(data: bytes) -> Iterator[bytes]:
    """The bytes in pieces of at most CHUNK."""
    if 0 < len(data) <= CHUNK:
        yield data
        return
    view = memoryview(data)
    for start in range(0, len(data), CHUNK):
        yield bytes(view[start : start + CHUNK])
