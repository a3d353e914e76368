"""Checking a whole log, record by record: what start-up leaves out."""

from __future__ import annotations

from pathlib import Path

from signerd.audit.recovery import Contents, corrupt, scan
from signerd.audit.segments import read_header, segments_in


def check(directory: Path) -> int:
    """Read every segment of one shard and return how many records are good. Changes nothing.

    Raises AUDIT_CORRUPT, naming file, byte and sequence of the first record that is damaged or missing. The oldest
    segments may be gone; a torn end of the last one is no damage.
    """
    count = 0
    before: Contents | None = None
    paths = segments_in(directory)
    for index, path in enumerate(paths):
        contents = scan(path, _sealed(paths[index + 1 :]))
        if contents is None:
            break
        _check_joint(path, before, contents)
        count += contents.sequence - contents.header.first_sequence + 1
        before = contents
    return count


def _sealed(following: list[Path]) -> int | None:
    """Durable length of a segment as the one behind it tells; None for the last."""
    if not following:
        return None
    with following[0].open("rb") as file:
        found = read_header(file)
    if found is not None:
        return found[0].previous_length
    if len(following) > 1:
        raise corrupt(following[0], 0, 0, "is damaged, and it had been durable")
    return None


def _check_joint(path: Path, before: Contents | None, contents: Contents) -> None:
    header = contents.header
    if header.shard != path.parent.name or path.stem != f"{header.number:08d}":
        raise corrupt(path, 0, 0, "is of another segment")
    if before is None:
        return
    if (header.number, header.first_sequence) != (before.header.number + 1, before.sequence + 1):
        raise corrupt(path, 0, before.sequence + 1, "is missing")
