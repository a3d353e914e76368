"""Opening a log after any end: a torn end is cut off, a record that had been durable never.

The write-ahead file is read, and of the tiles those that the tree's right edge is made of; `checking.check` reads all.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from signerd.audit import checkpoints
from signerd.audit.damage import corrupt, inconsistent
from signerd.audit.disk import DIRECTORY_MODE, Disk
from signerd.audit.frames import BODY_LIMIT, HEADER, Frame, durable_behind, walk
from signerd.audit.replay import Replay
from signerd.audit.segments import WAL, Header, Segment, create, path_of, read_header, segments_in
from signerd.audit.tiles import TILES
from signerd.audit.tree import TreeHead
from signerd.audit.writer import Place
from signerd.errors import Reason, SignerdError

LOCK = "lock"


class _Revision(msgspec.Struct, gc=False):
    revision: int = 0


_revision = msgspec.json.Decoder(_Revision).decode


@dataclass(slots=True)
class Contents:
    """What a segment holds: frames up to `length`, the last of them `sequence`, the last group from `group` on."""

    header: Header
    length: int
    group: int
    sequence: int
    revision: int


class Break(NamedTuple):
    """The first place in a segment where there is no valid frame."""

    offset: int
    sequence: int


def lock(directory: Path) -> int:
    """Make the directory if need be and take its lock; returns the descriptor that holds it. Raises HOME_IN_USE."""
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    directory.chmod(DIRECTORY_MODE)
    fd = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise SignerdError(
            Reason.HOME_IN_USE, f"another daemon writes the audit log in {directory}; stop it"
        ) from None
    return fd


def recover(
    directory: Path, shard: str, instance: str, disk: Disk, known: Iterable[TreeHead] = ()
) -> tuple[Place, Replay]:
    """Bring a locked directory to a state that can be appended to.

    `known`: heads that were signed. Raises AUDIT_CORRUPT; AUDIT_INCONSISTENT where the log is not one of a known head,
    and then has changed nothing; OSError.
    """
    known = tuple(known)
    replay = Replay(directory, known)
    paths, unfinished = finished(segments_in(directory))
    for path in unfinished:
        path.unlink()
    contents = read(paths, replay)
    if contents is None and ((directory / TILES).exists() or (directory / checkpoints.NAME).exists()):
        raise inconsistent(directory, "has no write-ahead file any more")
    if contents is not None and contents.sequence < max((head.size for head in known), default=0):
        _refuse_whole_frame(paths[-1], contents)
    replay.finish()
    if contents is None:
        return _begin(directory, shard, instance, disk), replay
    path = path_of(directory, contents.header.number)
    _settle(path, contents)
    segment = Segment(path, disk.open(path), contents.length, disk)
    return Place(directory, instance, shard, segment, contents.sequence, contents.revision), replay


def _begin(directory: Path, shard: str, instance: str, disk: Disk) -> Place:
    (directory / WAL).mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    disk.sync_directory(directory)
    header = Header(first_sequence=1, instance=instance, number=1, previous_length=0, revision=0, shard=shard)
    return Place(directory, instance, shard, create(directory, header, disk), 0, 0)


def finished(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Segments that may hold records, and those at the end whose header never became durable. Raises AUDIT_CORRUPT."""
    count = len(paths)
    while count and _header(paths[count - 1]) is None:
        scan(paths[count - 1])
        count -= 1
    return list(paths[:count]), list(paths[count:])


def read(paths: Sequence[Path], replay: Replay) -> Contents | None:
    """Replay all these segments; what the last holds, None where there is none. Raises AUDIT_CORRUPT, OSError."""
    headers = [_header(path) for path in paths]
    ends = [header.previous_length if header else None for header in headers[1:]]
    contents = None
    for path, header, end in zip_longest(paths, headers, ends):
        if header is None:
            raise corrupt(path, 0, 0, "is damaged, and it had been durable")
        if contents is None:
            replay.begin(header.first_sequence)
        before, contents = contents, scan(path, end, replay.take)
        if contents is not None:
            _check_joint(path, before, contents)
    return contents


def _check_joint(path: Path, before: Contents | None, contents: Contents) -> None:
    header = contents.header
    if header.shard != path.parent.parent.name or path.stem != f"{header.number:08d}":
        raise corrupt(path, 0, 0, "is of another segment")
    if before is None:
        return
    if (header.number, header.first_sequence) != (before.header.number + 1, before.sequence + 1):
        raise corrupt(path, 0, before.sequence + 1, "is missing")


def _header(path: Path) -> Header | None:
    with path.open("rb") as file:
        found = read_header(file)
    return found[0] if found else None


def scan(
    path: Path, sealed: int | None = None, take: Callable[[int, bytes], None] = lambda sequence, body: None
) -> Contents | None:
    """Read a segment up to its torn end, if it has one; None where not even the header was finished.

    `take` gets every record. `sealed` is its durable length, known from the segment behind it. Raises AUDIT_CORRUPT
    where bytes that had been durable are damaged.
    """
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size if sealed is None else sealed
        found = read_header(file)
        if found is None:
            _refuse_damage(file, path, Break(0, 0), sealed)
            return None
        header, start = found
        contents = Contents(header, start, start, header.first_sequence - 1, header.revision)
        for frame in walk(file, start, end):
            _check(contents, frame, path)
            take(frame.sequence, frame.body)
        if contents.length < end:
            _refuse_damage(file, path, Break(contents.length, contents.sequence + 1), sealed)
    return contents


def _check(contents: Contents, frame: Frame, path: Path) -> None:
    expected = contents.sequence + 1
    if frame.sequence != expected or frame.group not in (contents.group, frame.offset):
        raise corrupt(path, frame.offset, expected, "is not the record that should stand here")
    contents.length, contents.group, contents.sequence = frame.end, frame.group, frame.sequence
    try:
        contents.revision = max(contents.revision, _revision(frame.body).revision)
    except msgspec.DecodeError:
        raise corrupt(path, frame.offset, expected, "is no record") from None


def _refuse_damage(file: BinaryIO, path: Path, first: Break, sealed: int | None) -> None:
    file.seek(first.offset)
    if sealed is not None or durable_behind(file.read(), first.offset):
        raise corrupt(path, first.offset, first.sequence, "is damaged, and it had been durable")


def _refuse_whole_frame(path: Path, contents: Contents) -> None:
    """Raise AUDIT_CORRUPT where the end that seems torn has room for the record that a checkpoint says there was."""
    with path.open("rb") as file:
        file.seek(contents.length)
        rest = file.read()
    if len(rest) >= HEADER.size:
        length = HEADER.unpack_from(rest)[1]
        if not length < BODY_LIMIT or len(rest) >= HEADER.size + length:
            raise corrupt(path, contents.length, contents.sequence + 1, "is damaged, and it had been durable")


def _settle(path: Path, contents: Contents) -> None:
    """Cut what is torn, and write the last group again in its place.

    A group whose write failed may be read from memory only; written again, it is on the disk before anything follows.
    """
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.ftruncate(fd, contents.length)
        last = os.pread(fd, contents.length - contents.group, contents.group)
        os.pwrite(fd, last, contents.group)
        os.fsync(fd)
    finally:
        os.close(fd)
