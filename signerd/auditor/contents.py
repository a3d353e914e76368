"""The files of a shard's directory, by what they are, as they were at one moment.

A daemon may write to the directory: segments are opened and the newest partial tiles read before the long work begins,
since they are what goes away.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from signerd.auditor.paths import ENTRIES, WIDTH, TilePath, parse_path
from signerd.auditor.writeahead import NAME, SegmentFile
from signerd.core.merkle import HASH_SIZE
from signerd.errors import SignerdError

CHECKPOINT: Final = "checkpoint"
MINIMUM_INDEX: Final = "minimum-index"
WAL: Final = "wal"
# `new` is what a file is called while it is written; lock and token say whose the directory is.
KNOWN: Final = frozenset({CHECKPOINT, MINIMUM_INDEX, "lock", "new", "token", ".token"})
LARGEST_BUNDLE: Final = WIDTH * (2 + 65535)


@dataclass(slots=True)
class Contents:
    """`tiles`: the widths that are there, by level (ENTRIES for bundles) and index; `segments`: oldest first.

    `unknown`: files that belong to no log.
    """

    directory: Path
    tiles: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    segments: list[SegmentFile] = field(default_factory=list)
    has_wal: bool = False
    unknown: list[str] = field(default_factory=list)
    _kept: dict[TilePath, bytes] = field(default_factory=dict)

    def widest(self, level: int, index: int) -> int:
        """Width of the widest tile there, 0 if there is none."""
        return max(self.tiles.get((level, index), ()), default=0)

    def read(self, path: TilePath) -> bytes:
        """Bytes of a tile or bundle, and one more where it is longer than any can be. Raises OSError."""
        if path in self._kept:
            return self._kept[path]
        with (self.directory / path.format()).open("rb") as file:
            return file.read(1 + (LARGEST_BUNDLE if path.level == ENTRIES else WIDTH * HASH_SIZE))

    def keep_edge(self, size: int) -> None:
        """Read the partial tiles at the right edge of a tree of that size: newer ones take their place."""
        for (level, index), widths in self.tiles.items():
            if index >= size >> 8 * (max(level, 0) + 1):
                for path in (TilePath(level, index, width) for width in widths if width < WIDTH):
                    self._kept[path] = self.read(path)


def list_contents(directory: Path, size: int, stack: ExitStack) -> Contents:
    """List a shard's directory whose checkpoint has that size; the stack closes files. Raises OSError."""
    contents = Contents(directory, has_wal=(directory / WAL).is_dir())
    # Oldest first, since they are removed when tiles have their records; and those again that came meanwhile.
    opened = {name: _opened(directory, name, stack) for name in _segments(directory)}
    for name in files_below(directory):
        _add(contents, name)
    contents.keep_edge(size)
    opened |= {name: _opened(directory, name, stack) for name in _segments(directory) if name not in opened}
    contents.segments = [
        SegmentFile(name, file.fileno(), os.fstat(file.fileno()).st_size)
        for name, file in sorted(opened.items())
    ]
    return contents


def _opened(directory: Path, name: str, stack: ExitStack) -> BinaryIO:
    return stack.enter_context((directory / WAL / name).open("rb", buffering=0))


def _segments(directory: Path) -> list[str]:
    path = directory / WAL
    return sorted(entry.name for entry in path.iterdir() if _is_segment(entry)) if path.is_dir() else []


def _is_segment(path: Path) -> bool:
    return bool(NAME.fullmatch(path.name)) and path.is_file() and not path.is_symlink()


def files_below(directory: Path, below: str = "") -> Iterator[str]:
    """Paths of all files; a link or pipe has a slash at its end, so that it is none that is known."""
    with os.scandir(directory / below) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(directory, f"{below}{entry.name}/")
        else:
            yield f"{below}{entry.name}" + ("" if entry.is_file(follow_symlinks=False) else "/")


def _add(contents: Contents, name: str) -> None:
    if name in KNOWN or NAME.fullmatch(name.removeprefix(f"{WAL}/")):
        return
    try:
        path = parse_path(name)
    except SignerdError:
        contents.unknown.append(name)
        return
    contents.tiles.setdefault((path.level, path.index), []).append(path.width)
