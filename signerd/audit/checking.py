"""Checking a whole log, record by record: what start-up leaves out."""

from __future__ import annotations

from pathlib import Path

from signerd.audit.recovery import finished, read
from signerd.audit.replay import Replay
from signerd.audit.segments import segments_in
from signerd.audit.tile_checks import check_tiles


def check(directory: Path) -> int:
    """Read every bundle, tile and segment of one shard and return how many records are good. Changes nothing.

    Raises AUDIT_CORRUPT, naming file and sequence of the first record that is damaged or missing. Bundles that were
    pruned may be gone; a torn end of the last segment is no damage.
    """
    replay = Replay(directory)
    read(finished(segments_in(directory))[0], replay)
    replay.finish()
    return check_tiles(directory, replay.base) + replay.size - replay.base
