"""A pruned log whose write-ahead file still has what was pruned: none of it comes back at a start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from signerd.audit import proofs
from signerd.audit.checking import check
from signerd.audit.wal import first_sequence
from tests.unit.audit.proven_logs import SMALL, files, fill, opened, publish

LARGE = replace(SMALL, segment_bytes=16 << 20)
BACK = {f"tile/{level}/{number:03d}" for level in ("0", "entries") for number in (0, 1)}


async def pruned(directory: Path) -> None:
    log = await opened(directory, tuning=LARGE)
    await fill(log, 1100)
    await publish(log)
    await log.prune(600)
    await publish(log)
    await log.close()
    assert first_sequence(directory / "0") == 1


@pytest.mark.parametrize("lives", [1, 3])
async def test_what_was_pruned_stays_away(tmp_path: Path, lives: int) -> None:
    await pruned(tmp_path)
    for _ in range(lives):
        log = await opened(tmp_path, tuning=LARGE)
        await fill(log, 300)
        checkpoint = await publish(log)
        await log.close()
        assert not files(tmp_path) & BACK

    assert proofs.root_at(tmp_path / "0", checkpoint.size) == checkpoint.root
    check(tmp_path / "0")


async def test_segments_are_trimmed_and_more_is_pruned_after_it(tmp_path: Path) -> None:
    await pruned(tmp_path)
    log = await opened(tmp_path, tuning=SMALL)
    await fill(log, 600)
    await publish(log)
    await fill(log, 600)
    await publish(log)
    await log.prune(1024)
    await publish(log)
    await log.close()

    assert not log.warnings
    assert (first_sequence(tmp_path / "0") or 0) > 1
    assert not files(tmp_path) & (BACK | {"tile/0/003", "tile/entries/003"})
    check(tmp_path / "0")
