"""Which files of a log (C2SP tlog-tiles) belong to a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

WIDTH: Final = 256


def files_between(old: int, size: int) -> Iterator[str]:
    """Tiles and entry bundles that a log of `size` entries has and one of `old` entries has not, entries first.

    Full ones, and the partial ones of `size`, below the log's directory.
    """
    yield from _level("tile/entries", old, size)
    level = 0
    while size:
        yield from _level(f"tile/{level}", old, size)
        level, old, size = level + 1, old // WIDTH, size // WIDTH


def is_full(path: str) -> bool:
    """Whether a tile or bundle is full: then it never changes, and stays."""
    return ".p/" not in path


def _level(prefix: str, old: int, size: int) -> Iterator[str]:
    full, rest = divmod(size, WIDTH)
    for index in range(old // WIDTH, full):
        yield f"{prefix}/{_index(index)}"
    if rest and size != old:
        yield f"{prefix}/{_index(full)}.p/{rest}"


def _index(number: int) -> str:
    """Groups of three digits, all but the last with an `x` before them."""
    text = f"{number % 1000:03d}"
    while number >= 1000:  # noqa: PLR2004
        number //= 1000
        text = f"x{number % 1000:03d}/{text}"
    return text
