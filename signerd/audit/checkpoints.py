"""Checkpoints: signed notes that say what a log holds (c2sp.org/tlog-checkpoint), and the file with the newest."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Final, NamedTuple

from signerd.audit import notes
from signerd.audit.tree import TreeHead
from signerd.core.merkle import HASH_SIZE
from signerd.errors import Reason, SignerdError

NAME: Final = "checkpoint"
_SIZE: Final = re.compile(rb"0|[1-9][0-9]{0,18}")


class Checkpoint(NamedTuple):
    """What a log said of itself: origin `INSTANCE/SHARD`, size, root, and the whole signed note, byte for byte."""

    origin: str
    size: int
    root: bytes
    note: bytes

    @property
    def head(self) -> TreeHead:
        """Size and root."""
        return TreeHead(self.size, self.root)


def origin(instance: str, shard: str) -> str:
    """The name of a log, and of its key."""
    return f"{instance}/{shard}"


def body(origin: str, head: TreeHead) -> bytes:
    """The text to sign: origin, size and root, a line each."""
    return b"%s\n%d\n%s\n" % (origin.encode(), head.size, base64.b64encode(head.root))


def parse(note: bytes, origin: str) -> Checkpoint:
    """Read the checkpoint of the log `origin` by the strict grammar; checks no signature. Raises AUDIT_CORRUPT."""
    match notes.parse(note).text.split(b"\n"):
        case [name, size, root, b""] if name == origin.encode() and _SIZE.fullmatch(size):
            return Checkpoint(origin, int(size), _root(root), note)
    raise _refusal(f"is not three lines of {origin}, with a proper size")


def _root(line: bytes) -> bytes:
    try:
        root = base64.b64decode(line, validate=True)
    except binascii.Error:
        root = b""
    if len(root) != HASH_SIZE or base64.b64encode(root) != line:
        raise _refusal("has no proper root")
    return root


def read(directory: Path, origin: str) -> Checkpoint | None:
    """The checkpoint that stands in a shard's directory; None where there is no whole one. Raises OSError."""
    try:
        return parse((directory / NAME).read_bytes(), origin)
    except (FileNotFoundError, SignerdError):
        return None


def published_size(directory: Path) -> int:
    """How many records the checkpoint in a shard's directory covers, 0 without one. Raises OSError."""
    try:
        return int((directory / NAME).read_bytes().split(b"\n", 2)[1])
    except (FileNotFoundError, IndexError, ValueError):
        return 0


def _refusal(problem: str) -> SignerdError:
    return SignerdError(Reason.AUDIT_CORRUPT, f"a checkpoint {problem}")
