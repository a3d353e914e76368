"""Checking tiles and bundles against each other: which record is the first that can't be proven."""

from __future__ import annotations

from pathlib import Path

from signerd.audit.damage import corrupt_file
from signerd.audit.tiles import minimum_index, missing, read_bundle, read_tile, tile_path
from signerd.audit.tree import HEIGHT, WIDTH
from signerd.core.merkle import tree_hash


def check_tiles(directory: Path, size: int) -> int:
    """Check all full bundles and tiles of a log of that size; how many records they have.

    Raises AUDIT_CORRUPT, naming file and sequence of the first record in doubt, and OSError.
    """
    first = minimum_index(directory) // WIDTH
    for number in range(first, size // WIDTH):
        if read_bundle(directory, number, WIDTH) is None:
            raise missing(directory, number * WIDTH)
        _check_above(directory, 0, number, size)
    return max(0, size // WIDTH - first) * WIDTH


def _check_above(directory: Path, level: int, number: int, size: int) -> None:
    """Whether the tile above, if it is full, says what this one hashes to; so on up, at the last below each."""
    above, place = divmod(number, WIDTH)
    if (above + 1) << HEIGHT * (level + 2) > size:
        return
    upper, lower = read_tile(directory, level + 1, above), read_tile(directory, level, number)
    sequence = (number << HEIGHT * (level + 1)) + 1
    if len(upper) < WIDTH or len(lower) < WIDTH:
        raise corrupt_file(directory, tile_path(level + 1, above), sequence, "has no whole tile to prove it")
    if upper[place] != tree_hash(lower):
        raise corrupt_file(directory, tile_path(level + 1, above), sequence, "is not what was proven")
    if place == WIDTH - 1:
        _check_above(directory, level + 1, above, size)
