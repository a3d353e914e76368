"""Whose signature a checkpoint needs, before, at and after a rotation of the log key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tlogs import INSTANCE, SHARD, Signer, TestLog, checkpoint, records
from tests.unit.auditor.logs import OnDisk

ORIGIN = f"{INSTANCE}/{SHARD}"
OLD, NEW, OTHER = (Signer(ORIGIN, 1, seed) for seed in (11, 12, 13))
BOTH = f"{OLD.vkey}\n{NEW.vkey}\n".encode()


def rotated(directory: Path, *signers: Signer, detail: str = "", count: int = 40) -> OnDisk:
    """A log whose key was rotated with record 30."""
    said = {"operation": "log-key-rotated", "detail": detail or f"from {OLD.vkey} to {NEW.vkey}"}
    return OnDisk(directory, TestLog(records(count, changed={30: said}), signers=list(signers)))


@pytest.mark.parametrize("signers", [(NEW,), (OLD, NEW), (NEW, OLD)])
def test_after_it_the_new_key_signs(tmp_path: Path, signers: tuple[Signer, ...]) -> None:
    assert rotated(tmp_path, *signers).verify(keys=BOTH).problem == ""


def test_the_old_key_alone_is_not_enough(tmp_path: Path) -> None:
    where, problem = rotated(tmp_path, OLD).problem(keys=BOTH)
    assert (where, NEW.vkey.split("+")[1] in problem) == ("checkpoint", True)


def test_a_key_that_only_the_log_names_needs_the_old_one_beside_it(tmp_path: Path) -> None:
    assert rotated(tmp_path, OLD, NEW).verify(keys=OLD.vkey.encode()).problem == ""
    assert "no key that was given" in rotated(tmp_path, NEW).problem(keys=OLD.vkey.encode())[1]


def test_a_stranger_may_not_sign_in_the_log_s_name(tmp_path: Path) -> None:
    assert "not given" in rotated(tmp_path, NEW, OTHER).problem(keys=BOTH)[1]


@pytest.mark.parametrize(
    ("size", "signer", "fits"), [(29, OLD, True), (29, NEW, False), (30, NEW, True), (30, OLD, False)]
)
def test_kept_checkpoints_are_signed_by_the_key_of_their_time(
    tmp_path: Path, size: int, signer: Signer, fits: bool
) -> None:
    log = rotated(tmp_path, NEW)
    kept = checkpoint(ORIGIN, log.log.leaves[:size], [signer])
    assert log.verify(kept, keys=BOTH).is_wrong is not fits


def test_the_first_rotation_may_not_know_the_old_key(tmp_path: Path) -> None:
    assert rotated(tmp_path, NEW, detail=f"from unknown to {NEW.vkey}").verify(keys=BOTH).problem == ""


@pytest.mark.parametrize(
    "detail",
    [
        "from here to there",
        f"to {NEW.vkey}",
        f"from {OLD.vkey} to {Signer('other/log').vkey}",
        f"from {OLD.vkey} to {Signer(ORIGIN, 4).vkey}",
    ],
)
def test_records_that_name_no_keys(tmp_path: Path, detail: str) -> None:
    assert rotated(tmp_path, NEW, detail=detail).problem(keys=BOTH)[0] == f"{SHARD}/30"


def test_each_rotation_begins_where_the_one_before_ended(tmp_path: Path) -> None:
    changes = {
        number: {"operation": "log-key-rotated", "detail": f"from {old.vkey} to {new.vkey}"}
        for number, old, new in ((10, OLD, NEW), (20, OTHER, NEW))
    }
    log = OnDisk(tmp_path, TestLog(records(40, changed=changes), signers=[NEW]))
    assert log.problem(keys=BOTH)[0] == f"{SHARD}/20"
