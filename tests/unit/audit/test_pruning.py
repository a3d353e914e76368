from __future__ import annotations

import json
from pathlib import Path

import pytest

from signerd.audit import proofs
from signerd.audit.checking import check
from signerd.audit.reading import entries, get_record, list_records
from signerd.audit.wal import first_sequence
from signerd.core.merkle import leaf_hash
from signerd.errors import Reason, SignerdError
from tests.unit.audit.proven_logs import files, fill, opened, publish, root_of
from tests.unit.audit.test_proofs import included

SIZE = 1100
MINIMUM = 600


async def pruned(directory: Path, minimum: int = MINIMUM) -> bytes:
    """A closed log, pruned and with a checkpoint over all; its root at the minimum index as it was before."""
    log = await opened(directory)
    await fill(log, SIZE)
    await publish(log)
    root = root_of(directory, minimum)
    await log.prune(minimum)
    await publish(log)
    await log.close()
    return root


async def test_what_ends_below_the_minimum_goes_and_all_else_stays(tmp_path: Path) -> None:
    await pruned(tmp_path)

    found = {file for file in files(tmp_path) if file.startswith(("tile/0/", "tile/entries/"))}
    gone = {f"tile/{level}/00{number}" for level in ("0", "entries") for number in (0, 1)}
    assert not found & gone
    assert {f"tile/{level}/00{number}" for level in ("0", "entries") for number in (2, 3)} < found
    assert (tmp_path / "0" / "minimum-index").read_text() == "600\n"


async def test_it_is_on_record_with_the_root(tmp_path: Path) -> None:
    root = await pruned(tmp_path)
    record = json.loads(get_record(tmp_path, "0", SIZE + 1))

    assert record["operation"] == "audit-pruned"
    assert record["detail"].startswith("minimum index 600, root ")
    assert proofs.root_at(tmp_path / "0", MINIMUM) == root


async def test_the_rest_can_be_read_and_proven(tmp_path: Path) -> None:
    await pruned(tmp_path)
    shard, size = tmp_path / "0", SIZE + 1
    root = proofs.root_at(shard, size)

    assert len(list(entries(shard, 512, size))) == size - 512
    page = list_records(tmp_path, page_size=1000)
    assert [page.entries[0].record.sequence, page.entries[-1].record.sequence] == [size, 513]
    assert page.next_token == ""
    for index in (MINIMUM, 900, SIZE):
        [body] = entries(shard, index, index)
        proof = proofs.inclusion(shard, index, size)
        assert included(leaf_hash(body), index, size, proof) == root
    with pytest.raises(SignerdError, match="was pruned") as caught:
        get_record(tmp_path, "0", 256)
    assert caught.value.reason is Reason.AUDIT_RECORD_NOT_FOUND
    assert check(shard) == size - 512


async def test_a_pruned_log_starts_and_goes_on(tmp_path: Path) -> None:
    await pruned(tmp_path)
    root = proofs.root_at(tmp_path / "0", SIZE)
    for _ in range(3):
        log = await opened(tmp_path)
        await fill(log, 300)
        head = log.tree_head()
        await publish(log)
        await log.prune(head.size - 10)
        await log.close()

    assert proofs.root_at(tmp_path / "0", head.size) == head.root != root


async def test_it_starts_where_tiles_are_pruned_and_the_next_are_behind_the_checkpoint(
    tmp_path: Path,
) -> None:
    log = await opened(tmp_path)
    await fill(log, 700)
    await publish(log)
    await log.prune(600)
    await fill(log, 100)
    await log.prune(690)
    await log.close()
    assert (first_sequence(tmp_path / "0") or 0) > 513
    log = await opened(tmp_path)
    head = log.tree_head()
    await publish(log)
    await log.close()

    assert (head.size, head.root) == (802, proofs.root_at(tmp_path / "0", 802))


async def test_a_pruning_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    await pruned(tmp_path)
    kept = tmp_path / "0" / "tile" / "0" / "001"
    kept.write_bytes(b"left over")
    log = await opened(tmp_path)
    await log.prune(MINIMUM + 1)
    await log.close()

    assert not kept.exists()


@pytest.mark.parametrize("minimum", [-1, 0, SIZE + 1])
async def test_nothing_behind_the_checkpoint_is_pruned(tmp_path: Path, minimum: int) -> None:
    log = await opened(tmp_path)
    await fill(log, SIZE)
    await publish(log)
    await fill(log, 5)
    before = files(tmp_path)
    with pytest.raises(SignerdError) as caught:
        await log.prune(minimum)
    await log.close()

    assert caught.value.reason is Reason.REQUEST_MALFORMED
    assert (files(tmp_path), log.sequence) == (before, SIZE + 5)
