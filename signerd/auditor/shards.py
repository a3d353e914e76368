"""Verification of one shard: a directory with a tlog-tiles log, beside it its write-ahead file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from signerd.auditor.authority import Rotation, check_signed, rotations
from signerd.auditor.blocks import Anchor, Pass
from signerd.auditor.checkpoints import Checkpoint, parse_checkpoint, signers
from signerd.auditor.contents import CHECKPOINT, Contents, list_contents
from signerd.auditor.notes import NOTE_LIMIT
from signerd.auditor.policies import Policy
from signerd.auditor.presence import check_ends, check_presence, check_pruning, first_index
from signerd.auditor.records import ROTATED, Records
from signerd.auditor.verdicts import wrong
from signerd.auditor.vkeys import VerifierKey, timestamp
from signerd.auditor.writeahead import WriteAhead
from signerd.errors import Reason, SignerdError

TRIES: Final = 3
GLANCES: Final = 20


@dataclass(frozen=True, slots=True)
class Given:
    """What the verifier knows beside the log. `since`: checkpoints that others kept; `witnessed_after`: Unix time."""

    keys: Sequence[VerifierKey]
    since: Sequence[Checkpoint] = ()
    policy: Policy | None = None
    witnessed_after: int = 0
    on_progress: Callable[[int], None] = lambda count: None


@dataclass(slots=True)
class ShardReport:
    """What was found of a shard.

    `checked` records from number `first` on, of which `unproven` lie behind the last checkpoint. `kept` is the largest
    size of a checkpoint that somebody else kept, `witnessed` the time (Unix) at which enough witnesses had seen it.
    """

    directory: Path
    shard: str
    origin: str = ""
    size: int = 0
    root: bytes = b""
    first: int = 1
    checked: int = 0
    unproven: int = 0
    torn: int = 0
    kept: int | None = None
    witnessed: int | None = None
    witnessed_after: int = 0
    where: str = ""
    problem: str = ""
    unknown: list[str] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        """Whether something is not as it should be."""
        return bool(self.problem)

    @property
    def is_end_proven(self) -> bool:
        """Whether somebody else vouches for the end: a later record can't have been cut off unseen."""
        fresh = self.witnessed is not None and self.witnessed >= self.witnessed_after
        return self.kept is not None or fresh

    @property
    def is_proven(self) -> bool:
        """Whether nothing is left to prove."""
        return not self.is_wrong and self.is_end_proven and not self.unproven and not self.torn


def verify_shard(directory: Path, shard: str, given: Given, claims: Sequence[Anchor] = ()) -> ShardReport:
    """Verify a shard. `claims` are heads of it that other shards name. Raises OSError for what can't be read.

    A file that went away while it was read, as in a log that is written to, makes it begin again.
    """
    for attempt in range(1, TRIES + 1):
        report = ShardReport(directory, shard, witnessed_after=given.witnessed_after)
        try:
            with ExitStack() as stack:
                _verify(report, given, claims, stack)
        except FileNotFoundError:
            if attempt == TRIES:
                raise
            continue
        except SignerdError as error:
            if error.reason is not Reason.AUDIT_EVIDENCE_INVALID:
                raise
            report.where = error.field
            report.problem = error.message.removeprefix(f"{error.field}: ")
        break
    return report


def _verify(report: ShardReport, given: Given, claims: Sequence[Anchor], stack: ExitStack) -> None:
    checkpoint, contents = _taken(report.directory, stack)
    head = checkpoint.head
    report.origin, report.size, report.root = head.origin, head.size, head.root
    report.unknown = contents.unknown
    if head.origin.rpartition("/")[2] != report.shard:
        wrong(CHECKPOINT, f"is of the log {head.origin[:200]}, not of one named {report.shard}")
    start = first_index(contents, head.size)
    check_presence(contents, head.size, start)
    kept = [one for one in given.since if one.head.origin == head.origin]
    wal = WriteAhead(contents.segments, head.origin)
    records = Records(report.shard)
    anchors = [Anchor(one.head, one.what) for one in (checkpoint, *kept)] + list(claims)
    whole = Pass(contents, wal, records, start, given.on_progress)
    whole.run(anchors)
    total = whole.tree.size
    report.first, report.checked, report.torn = start + 1, total - start, wal.torn
    check_ends(contents, wal, head.size, total)
    for anchor in anchors:
        _check_reached(anchor, total, start)
    check_pruning(contents, records, start)
    _vouch(report, given, (checkpoint, *kept), rotations(records.of(ROTATED), head.origin))


def _taken(directory: Path, stack: ExitStack) -> tuple[Checkpoint, Contents]:
    """The checkpoint and what is there; again where something went away in between."""
    for _ in range(GLANCES):
        with suppress(FileNotFoundError):
            checkpoint = read_checkpoint(directory)
            return checkpoint, list_contents(directory, checkpoint.head.size, stack)
    checkpoint = read_checkpoint(directory)
    return checkpoint, list_contents(directory, checkpoint.head.size, stack)


def _vouch(
    report: ShardReport, given: Given, checkpoints: Sequence[Checkpoint], changes: Sequence[Rotation]
) -> None:
    """Who has signed, kept and cosigned what was found; the first checkpoint is the log's own."""
    for one in checkpoints:
        check_signed(one, given.keys, changes)
    sizes = [one.head.size for one in checkpoints[1:] if one.head.size >= report.first - 1]
    report.kept = max(sizes, default=None)
    report.unproven = report.first - 1 + report.checked - max([report.size, *sizes])
    if given.policy is not None:
        times = (witnessed(one, given.policy) for one in checkpoints)
        report.witnessed = max((time for time in times if time is not None), default=None)


def read_checkpoint(directory: Path) -> Checkpoint:
    """The checkpoint of a shard, not verified. Raises AUDIT_EVIDENCE_INVALID where none is, or a malformed one."""
    try:
        with (directory / CHECKPOINT).open("rb") as file:
            return parse_checkpoint(file.read(NOTE_LIMIT + 1), CHECKPOINT)
    except FileNotFoundError:
        wrong(CHECKPOINT, "is missing, so nothing is proven")
    except SignerdError as error:
        wrong(CHECKPOINT, error.message.removeprefix(f"{CHECKPOINT}: "))


def witnessed(checkpoint: Checkpoint, policy: Policy) -> int | None:
    """Time at which enough witnesses had cosigned. Raises AUDIT_EVIDENCE_INVALID for a cosignature that is wrong."""
    if policy.logs and not signers(checkpoint, policy.logs):
        wrong(checkpoint.what, "is signed by no log of the witness policy")
    names = {key: name for name, key in policy.witnesses.items()}
    times: dict[str, int] = {}
    for key, cosignature in signers(checkpoint, names):
        times[names[key]] = max(timestamp(cosignature.value), times.get(names[key], 0))
    return policy.reached(times)


def _check_reached(anchor: Anchor, total: int, start: int) -> None:
    size = anchor.head.size
    if size > total:
        wrong(
            anchor.what, f"has {size} records; the log ends at {total}: it was cut off, or is an older copy"
        )
    if size < start and anchor.what == CHECKPOINT:
        wrong(CHECKPOINT, f"has {size} records, and what is left begins behind them")
