"""Sizes and times of a log, and who is told what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from signerd.audit.groups import Group
from signerd.audit.records import Record


@dataclass(frozen=True, slots=True)
class Tuning:
    """Sizes in bytes, times in seconds: `gather` at most for a group, `probe` between tries after a failure.

    `group_records`: how many may wait for one write. `reserve`: free space below which only administration is put on
    record, None for a tenth of the file system, at most 1 GiB. `tiles`: False is for measuring what they cost.
    """

    gather: float = 0.005
    group_records: int = 8192
    segment_bytes: int = 16 << 20
    probe: float = 0.25
    reserve: int | None = None
    tiles: bool = True


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told, on the event loop: of the log's health with what is wrong, of the records of every group, and of
    what `Log.warnings` says now.

    `release` is given each group once it is durable, in order; it wakes those who wait for it, now or later.
    """

    on_health: Callable[[bool, str], None] = lambda healthy, detail: None
    on_records: Callable[[Sequence[Record]], None] = lambda records: None
    on_warnings: Callable[[Sequence[str]], None] = lambda warnings: None
    release: Callable[[Group], None] = Group.release


DEFAULTS: Final = Tuning()
NOBODY: Final = Listener()
