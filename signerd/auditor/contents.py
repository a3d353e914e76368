"""The files of a shard's directory, by what they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from signerd.auditor.paths import ENTRIES, WIDTH, TilePath, parse_path
from signerd.auditor.writeahead import NAME
from signerd.core.merkle import HASH_SIZE
from signerd.errors import SignerdError

CHECKPOINT: Final = "checkpoint"
WAL: Final = "wal"
MINIMUM_INDEX: Final = "minimum-index"
# `new` is what a file is called while it is written; lock and token say whose the directory is.
KNOWN: Final = frozenset({CHECKPOINT, MINIMUM_INDEX, "lock", "new", "token", ".token"})
LARGEST_BUNDLE: Final = WIDTH * (2 + 65535)


@dataclass(slots=True)
class Contents:
    """`tiles`: the widths that are there, by level (ENTRIES for bundles) and index; `segments`: oldest first."""

    directory: Path
    tiles: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    segments: list[Path] = field(default_factory=list)
    has_wal: bool = False
    unknown: list[str] = field(default_factory=list)

    def widest(self, level: int, index: int) -> int:
        """Width of the widest tile there, 0 if there is none."""
        return max(self.tiles.get((level, index), ()), default=0)

    def read(self, path: TilePath) -> bytes:
        """Bytes of a tile or bundle, and one more where it is longer than any can be. Raises OSError."""
        with (self.directory / path.format()).open("rb") as file:
            return file.read(1 + (LARGEST_BUNDLE if path.level == ENTRIES else WIDTH * HASH_SIZE))


def list_contents(directory: Path) -> Contents:
    """List a shard's directory. Raises OSError."""
    contents = Contents(directory, has_wal=(directory / WAL).is_dir())
    for name in files_below(directory):
        if name.startswith("tile/"):
            _add_tile(contents, name)
        elif name.startswith(f"{WAL}/") and NAME.fullmatch(name.removeprefix(f"{WAL}/")):
            contents.segments.append(directory / name)
        elif name not in KNOWN:
            contents.unknown.append(name)
    contents.segments.sort()
    return contents


def files_below(directory: Path, below: str = "") -> Iterator[str]:
    """Paths of all files; a link or pipe has a slash at its end, so that it is none that is known."""
    with os.scandir(directory / below) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(directory, f"{below}{entry.name}/")
        else:
            yield f"{below}{entry.name}" + ("" if entry.is_file(follow_symlinks=False) else "/")


def _add_tile(contents: Contents, name: str) -> None:
    try:
        path = parse_path(name)
    except SignerdError:
        contents.unknown.append(name)
        return
    contents.tiles.setdefault((path.level, path.index), []).append(path.width)
