"""Verification of an audit directory: one shard, or many below it that name each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from signerd.auditor.blocks import Anchor
from signerd.auditor.bundles import parse_bundle
from signerd.auditor.contents import CHECKPOINT, WAL, Contents, list_contents
from signerd.auditor.encodings import base64_bytes, decimal
from signerd.auditor.heads import Head
from signerd.auditor.paths import ENTRIES, WIDTH, TilePath
from signerd.auditor.records import BEGUN, Record
from signerd.auditor.shards import Given, ShardReport, read_checkpoint, verify_shard
from signerd.auditor.verdicts import malformed
from signerd.auditor.writeahead import WriteAhead
from signerd.core.merkle import HASH_SIZE
from signerd.errors import SignerdError

SHARD: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MARKS: Final = (CHECKPOINT, "tile", WAL)
_FOLLOWS: Final = re.compile(
    r"after (?P<shard>[a-z0-9][a-z0-9_-]{0,63}), last known with (?P<size>[0-9]+) records, root (?P<root>[^ ,]+),"
)
_decode = msgspec.json.Decoder(Record).decode


@dataclass(frozen=True, slots=True)
class Claim:
    """What a shard's first records say of the one before: it had `anchor.head`."""

    shard: str
    anchor: Anchor


def shards_in(directory: Path) -> dict[str, Path]:
    """Shards by name: the directory itself, if it is one, or those below it. Raises AUDIT_FORMAT_INVALID, OSError."""
    if _is_shard(directory):
        return {_own_name(directory): directory}
    found = {
        path.name: path
        for path in sorted(directory.iterdir())
        if SHARD.fullmatch(path.name) and _is_shard(path)
    }
    if not found:
        malformed(str(directory), "has no shard of an audit log: no checkpoint, tile/ or wal/")
    return found


def verify_directory(shards: dict[str, Path], given: Given) -> Iterator[ShardReport]:
    """Verify shards one after the other. Raises OSError for what can't be read."""
    claims = [claim for name, path in shards.items() if (claim := _claim_of(name, path)) is not None]
    for name, path in shards.items():
        yield verify_shard(path, name, given, [claim.anchor for claim in claims if claim.shard == name])


def expected_records(shards: dict[str, Path]) -> int:
    """About how many records there are, for a progress bar: what the checkpoints say."""
    total = 0
    for path in shards.values():
        try:
            total += read_checkpoint(path).head.size
        except SignerdError:
            continue
    return total


def absent(given: Given, found: Sequence[str]) -> list[str]:
    """Origins that a checkpoint was given for, and that are not among those found: it may be another instance's."""
    origins = dict.fromkeys(one.head.origin for one in given.since)
    return [origin for origin in origins if origin not in found]


def _is_shard(path: Path) -> bool:
    return path.is_dir() and any((path / mark).exists() for mark in MARKS)


def _own_name(directory: Path) -> str:
    """Name of a shard whose directory may have been renamed: what its checkpoint says."""
    try:
        return read_checkpoint(directory).head.origin.rpartition("/")[2]
    except SignerdError:
        return directory.resolve().name


def _claim_of(shard: str, directory: Path) -> Claim | None:
    """What a shard says of the one before it; whether its record is genuine shows when it is verified itself."""
    try:
        head = read_checkpoint(directory).head
        origin = head.origin
        with ExitStack() as stack:
            first = _first_entries(list_contents(directory, head.size, stack), origin)
        records = [_decode(entry) for entry in first]
    except (SignerdError, msgspec.DecodeError, UnicodeError):
        return None
    for sequence, record in enumerate(records, 1):
        if record.get("operation") == BEGUN:
            return _claim(str(record.get("detail")), origin, f"{shard}/{sequence}")
    return None


def _claim(detail: str, origin: str, what: str) -> Claim | None:
    found = _FOLLOWS.match(detail)
    size, root = (decimal(found["size"]), base64_bytes(found["root"])) if found else (None, None)
    if found is None or size is None or root is None or len(root) != HASH_SIZE:
        return None
    head = Head(f"{origin.rpartition('/')[0]}/{found['shard']}", size, root)
    return Claim(found["shard"], Anchor(head, what))


def _first_entries(contents: Contents, origin: str) -> list[bytes]:
    width = contents.widest(ENTRIES, 0)
    if width:
        return parse_bundle(contents.read(TilePath(ENTRIES, 0, width)))
    return WriteAhead(contents.segments, origin).take(1, WIDTH)
