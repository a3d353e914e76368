"""Tiles and entry bundles as files: where they lie, and reading them (c2sp.org/tlog-tiles)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from signerd.audit.damage import corrupt_file
from signerd.audit.tree import HEIGHT, WIDTH
from signerd.core.merkle import HASH_SIZE, leaf_hash
from signerd.errors import Reason, SignerdError

TILES: Final = "tile"
ENTRIES: Final = "entries"
MINIMUM_INDEX: Final = "minimum-index"
LENGTH_SIZE: Final = 2

Level = int | Literal["entries"]
LEVELS: Final[tuple[Level, ...]] = (ENTRIES, *range(8))
"""Bundles, and the levels that a log of 2**64 entries has."""


def tile_path(level: Level, number: int, width: int = WIDTH) -> str:
    """Path of a tile or bundle within the shard's directory."""
    digits = f"{number % 1000:03d}"
    while number := number // 1000:
        digits = f"x{number % 1000:03d}/{digits}"
    return f"{TILES}/{level}/{digits}" if width == WIDTH else f"{TILES}/{level}/{digits}.p/{width}"


def height(level: Level) -> int:
    """How many entries a tile or bundle spans, as a power of two."""
    return HEIGHT * (1 if isinstance(level, str) else level + 1)


def pack(bodies: Sequence[bytes]) -> bytes:
    """A bundle: each entry behind its length, 16 bits big-endian."""
    return b"".join([len(body).to_bytes(LENGTH_SIZE, "big") + body for body in bodies])


def unpack(data: bytes) -> Iterator[bytes]:
    """The entries of a bundle, up to one that is cut short."""
    at = 0
    while at + LENGTH_SIZE <= len(data):
        end = at + LENGTH_SIZE + int.from_bytes(data[at : at + LENGTH_SIZE], "big")
        if end > len(data):
            return
        yield data[at + LENGTH_SIZE : end]
        at = end


def minimum_index(directory: Path) -> int:
    """The index below which entries may be gone. Raises OSError."""
    with suppress(FileNotFoundError, ValueError):
        return int((directory / MINIMUM_INDEX).read_text("ascii"))
    return 0


def widths(directory: Path, level: Level, number: int) -> list[int]:
    """Widths of the files there are of a tile or bundle, widest first. Raises OSError."""
    full = directory / tile_path(level, number)
    found = [WIDTH] if full.exists() else []
    with suppress(FileNotFoundError, NotADirectoryError):
        partial = full.with_name(f"{full.name}.p")
        found += sorted((int(path.name) for path in partial.iterdir() if path.name.isdigit()), reverse=True)
    return found


def read_tile(directory: Path, level: int, number: int) -> list[bytes]:
    """The hashes of the widest whole file of a tile, none where there is no such file. Raises OSError."""
    for width in widths(directory, level, number):
        with suppress(FileNotFoundError):
            data = (directory / tile_path(level, number, width)).read_bytes()
            if len(data) == width * HASH_SIZE:
                return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
    return []


def read_bundle(directory: Path, number: int, width: int = 1) -> list[bytes] | None:
    """At least `width` entries of a bundle, proven by their tile; None where no file has them.

    Raises AUDIT_CORRUPT where the newest file is damaged, OSError.
    """
    for there in widths(directory, ENTRIES, number):
        if there < width:
            return None
        with suppress(FileNotFoundError):
            data = (directory / tile_path(ENTRIES, number, there)).read_bytes()
            return _proven(directory, number, there, data)
    return None


def _proven(directory: Path, number: int, width: int, data: bytes) -> list[bytes]:
    bodies = list(unpack(data))
    hashes = read_tile(directory, 0, number)
    first = number * WIDTH + 1
    if len(hashes) < width:
        raise corrupt_file(directory, tile_path(0, number, width), first, "has no whole tile to prove it")
    for sequence, (body, expected) in enumerate(zip(bodies, hashes, strict=False), first):
        if leaf_hash(body) != expected:
            raise corrupt_file(directory, tile_path(ENTRIES, number, width), sequence, "is damaged")
    if len(bodies) != width or len(pack(bodies)) != len(data):
        sequence = first + min(len(bodies), width - 1)
        raise corrupt_file(
            directory, tile_path(ENTRIES, number, width), sequence, "is missing, or more is behind it"
        )
    return bodies


def missing(directory: Path, index: int) -> SignerdError:
    """The error for an entry that no file has."""
    if index < minimum_index(directory):
        return SignerdError(
            Reason.AUDIT_RECORD_NOT_FOUND,
            f"record {index + 1} of {directory.name} was pruned",
            field="position",
        )
    return corrupt_file(directory, tile_path(ENTRIES, index // WIDTH), index + 1, "is missing")
