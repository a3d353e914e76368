"""Records by their positions, many at a time, as they stand in the log. Blocking, for a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from signerd.audit.following import Follower
from signerd.audit.segments import End
from signerd.audit.tiles import ENTRIES, tile_path, unpack
from signerd.audit.tree import WIDTH
from signerd.core.merkle import HASH_SIZE, leaf_hash
from signerd.errors import Reason, SignerdError


def fetch(directory: Path, sequences: Iterable[int], own: Callable[[], End] | None) -> Mapping[int, bytes]:
    """Records of the shard in `directory` by their sequences, canonical JSON; what is not there is left out.

    Raises AUDIT_CORRUPT, OSError.
    """
    found: dict[int, bytes] = {}
    rest: list[int] = []
    for number, group in groupby(sorted(set(sequences)), lambda sequence: (sequence - 1) // WIDTH):
        wanted = [*group]
        picked = _picked(directory, number, wanted)
        found.update(picked)
        rest += [] if picked else wanted
    found.update(_between(directory, rest[0], rest[-1], own) if rest else ())  # in one go, where it is last
    return {sequence: found[sequence] for sequence in sequences if sequence in found}


def _picked(directory: Path, number: int, wanted: Sequence[int]) -> dict[int, bytes]:
    """Records of a full bundle, each proven by the tile; none where that can't be: a second look says why."""
    try:
        bodies = [*unpack((directory / tile_path(ENTRIES, number)).read_bytes())]
        hashes = (directory / tile_path(0, number)).read_bytes()
    except FileNotFoundError:
        return {}
    found = {}
    for sequence in wanted:
        at = (sequence - 1) % WIDTH
        if at >= len(bodies) or leaf_hash(bodies[at]) != hashes[at * HASH_SIZE : (at + 1) * HASH_SIZE]:
            return {}
        found[sequence] = bodies[at]
    return found


def _between(
    directory: Path, first: int, last: int, own: Callable[[], End] | None
) -> Iterator[tuple[int, bytes]]:
    follower = Follower(directory, first, own)
    while follower.sequence <= last:
        at = follower.sequence
        try:
            bodies = follower.read(last - at + 1)
        except SignerdError as error:
            if error.reason is not Reason.AUDIT_RECORD_NOT_FOUND or not follower.skip_pruned():
                raise
            continue
        if not bodies:
            return
        yield from enumerate(bodies, at)
