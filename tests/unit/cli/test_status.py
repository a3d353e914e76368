"""What `signerctl status` says of checkpoints, witnesses, mirror and truncation."""

from __future__ import annotations

from signerd.cli.status import _checkpoints
from signerd.engine.log_figures import (
    LogFigures,
    MirrorFigures,
    ShardFigures,
    WitnessFigures,
    truncation,
)
from signerd.rpc.keeping import checkpoint_message

GOOD = WitnessFigures("w.example/1", 12, "")
BAD = WitnessFigures("w.example/2", 0, "does not know the log (404)")


def figures(**changed: object) -> LogFigures:
    nothing = {
        "own": None,
        "problem": "",
        "quorum": 0,
        "witnesses": (),
        "mirror": None,
        "truncation": truncation("", (), None),
        "others": (),
    }
    return LogFigures(**{**nothing, **changed})  # type: ignore[arg-type]


def told(given: LogFigures) -> list[tuple[str, str]]:
    return _checkpoints(checkpoint_message(given))


def test_nothing_anywhere_is_not_detectable() -> None:
    assert told(figures(problem="no provider makes Ed25519 keys")) == [
        ("checkpoint", "none yet, no provider makes Ed25519 keys"),
        ("truncation", "not detectable"),
    ]


def test_everything() -> None:
    mirror = MirrorFigures(10, 2, "the bucket is full")
    anchors = truncation("state database", (GOOD, BAD), mirror)
    found = told(
        figures(
            own=ShardFigures("worker-0", 12, 3),
            quorum=1,
            witnesses=(GOOD, BAD),
            mirror=mirror,
            truncation=anchors,
            others=(ShardFigures("worker-1", 7, 61),),
        )
    )
    assert found == [
        ("checkpoint", "12 records, 3 s ago"),
        ("witnesses", "1 of 2 reached, quorum 1"),
        ("witness w.example/1", "ok, at 12"),
        ("witness w.example/2", "NOT OK, at 0, does not know the log (404)"),
        ("mirror", "NOT OK, at 10, 2 behind, the bucket is full"),
        ("truncation", "detectable by state database, 1 of 2 witnesses, mirror"),
        ("shard worker-1", "7 records, 61 s ago"),
    ]


def test_a_witness_or_mirror_that_has_nothing_yet_detects_nothing() -> None:
    assert truncation("", (BAD,), MirrorFigures(0, 5, "away")) == "not detectable"
    assert truncation("state database", (), None) == "detectable by state database"
