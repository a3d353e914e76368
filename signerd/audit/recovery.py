"""Opening a log after any end: a torn end is cut off, a record that had been durable never.

Only the last segment is read; `checking.check` reads them all.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from signerd.audit.disk import Disk
from signerd.audit.frames import Frame, durable_behind, walk
from signerd.audit.segments import Header, Segment, create, name_of, read_header, segments_in
from signerd.audit.writer import Place
from signerd.errors import Reason, SignerdError

LOCK = "lock"
DIRECTORY_MODE = 0o700


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


def recover(directory: Path, shard: str, instance: str, disk: Disk) -> Place:
    """Bring a locked directory to a state that can be appended to. Raises AUDIT_CORRUPT, or OSError."""
    contents = _last_contents(directory)
    if contents is None:
        header = Header(
            first_sequence=1, instance=instance, number=1, previous_length=0, revision=0, shard=shard
        )
        return Place(directory, instance, shard, create(directory, header, disk), 0, 0)
    path = directory / name_of(contents.header.number)
    _settle(path, contents)
    segment = Segment(path, disk.open(path), contents.length, disk)
    return Place(directory, instance, shard, segment, contents.sequence, contents.revision)


def scan(path: Path, sealed: int | None = None) -> Contents | None:
    """Read a segment up to its torn end, if it has one; None where not even the header was finished.

    `sealed` is its durable length, known from the segment behind it. Raises AUDIT_CORRUPT where bytes that had been
    durable are damaged.
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
            _take(contents, frame, path)
        if contents.length < end:
            _refuse_damage(file, path, Break(contents.length, contents.sequence + 1), sealed)
    return contents


def _take(contents: Contents, frame: Frame, path: Path) -> None:
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


def corrupt(path: Path, offset: int, sequence: int, problem: str) -> SignerdError:
    """The error for a damaged record; sequence 0 is the segment's header."""
    what = f"record {sequence}" if sequence else "the header"
    return SignerdError(
        Reason.AUDIT_CORRUPT, f"{path.parent.name}/{path.name}: {what} at byte {offset} {problem}"
    )


def _last_contents(directory: Path) -> Contents | None:
    paths = segments_in(directory)
    while paths:
        contents = scan(paths[-1])
        if contents is not None:
            _check_previous(directory, contents.header)
            return contents
        # Its header never became durable, so neither did a record in it.
        paths.pop().unlink()
    return None


def _check_previous(directory: Path, header: Header) -> None:
    if header.number == 1:
        return
    previous = directory / name_of(header.number - 1)
    size = previous.stat().st_size if previous.exists() else header.previous_length
    if size < header.previous_length:
        raise corrupt(previous, size, header.first_sequence - 1, "is cut off, and it had been durable")


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
