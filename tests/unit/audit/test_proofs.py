"""Proofs from the files of a log, verified by the algorithms of RFC 9162 (2.1.3.2, 2.1.4.2)."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import pytest

from signerd.audit import proofs
from signerd.audit.reading import entries
from signerd.core.merkle import EMPTY_ROOT, leaf_hash, leaf_hashes, node_hash, tree_hash
from signerd.errors import SignerdError
from tests.unit.audit.proven_logs import fill, opened, publish, root_of, written


def included(leaf: bytes, index: int, size: int, proof: Iterable[bytes]) -> bytes:
    """The root that an inclusion proof leads to."""
    place, last, found = index, size - 1, leaf
    for node in proof:
        assert last > 0
        if place & 1 or place == last:
            found = node_hash(node, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, node)
        place, last = place >> 1, last >> 1
    assert last == 0
    return found


def consistent(old: int, new: int, old_root: bytes, proof: list[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a consistency proof leads to."""
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for node in path[1:]:
        assert last > 0
        if place & 1 or place == last:
            first, second = node_hash(node, first), node_hash(node, second)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, node)
        place, last = place >> 1, last >> 1
    assert last == 0
    return first, second


SIZE = 600
SIZES = (1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 599, SIZE)


@pytest.fixture
async def shard(tmp_path: Path) -> Path:
    """A log whose newest entries stand in the write-ahead file only."""
    log = await opened(tmp_path)
    await fill(log, 550)
    await publish(log)
    await fill(log, 50)
    await log.close()
    return tmp_path / "0"


def test_every_root_is_the_tree_hash(shard: Path) -> None:
    assert proofs.root_at(shard, 0) == EMPTY_ROOT
    leaves = leaf_hashes(entries(shard, 0, SIZE))
    for size in SIZES:
        assert proofs.root_at(shard, size) == tree_hash(leaves[:size])


def test_every_entry_can_be_proven_at_every_size(shard: Path) -> None:
    leaves = leaf_hashes(entries(shard, 0, SIZE))
    for size in SIZES:
        for index in {0, 1 % size, size // 2, 255 % size, 256 % size, size - 1}:
            proof = proofs.inclusion(shard, index, size)
            assert included(leaves[index], index, size, proof) == tree_hash(leaves[:size])


def test_every_size_can_be_proven_to_begin_every_later_one(shard: Path) -> None:
    leaves = leaf_hashes(entries(shard, 0, SIZE))
    for old in SIZES:
        for new in SIZES:
            if old < new:
                root, wanted = tree_hash(leaves[:old]), tree_hash(leaves[:new])
                assert consistent(old, new, root, proofs.consistency(shard, old, new)) == (root, wanted)
    assert proofs.consistency(shard, 0, SIZE) == proofs.consistency(shard, SIZE, SIZE) == []


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_there_is_no_proof_of_what_is_not_in_the_log(shard: Path, index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no index"):
        proofs.inclusion(shard, index, size)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_a_log_does_not_shrink(shard: Path, old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof"):
        proofs.consistency(shard, old, new)


def test_a_size_that_the_log_has_not_reached_is_said(shard: Path) -> None:
    with pytest.raises(SignerdError, match="record 601 is not in the log"):
        proofs.root_at(shard, 700)


async def test_the_text_of_a_proof_is_that_of_the_format(tmp_path: Path) -> None:
    checkpoint = await written(tmp_path, 260)
    text = proofs.tlog_proof(tmp_path / "0", 258, checkpoint, extra=b"more")
    proof, gap, note = text.partition("\n\n")
    kind, extra, index, *hashes = proof.split("\n")

    assert (kind, extra, index, gap) == ("c2sp.org/tlog-proof@v1", "extra bW9yZQ==", "index 258", "\n\n")
    assert note.encode() == checkpoint.note
    [body] = entries(tmp_path / "0", 258, 258)
    path = [base64.b64decode(line, validate=True) for line in hashes]
    assert included(leaf_hash(body), 258, 260, path) == checkpoint.root == root_of(tmp_path, 260)


async def test_a_log_of_one_has_a_proof_without_hashes(tmp_path: Path) -> None:
    checkpoint = await written(tmp_path, 1)
    text = proofs.tlog_proof(tmp_path / "0", 0, checkpoint)

    assert text == f"c2sp.org/tlog-proof@v1\nindex 0\n\n{checkpoint.note.decode()}"


async def test_what_a_crash_may_have_left_of_unfinished_tiles_is_derived(tmp_path: Path) -> None:
    await written(tmp_path, 600)
    shard = tmp_path / "0"
    for name in ("000", "000.p/2"):
        (shard / "tile" / "1" / name).write_bytes(bytes(8192 if name == "000" else 64))
    wrong, right = proofs.root_at(shard, 512), proofs.Nodes(shard, derive=True).mth(0, 512)

    assert right == root_of(tmp_path, 512) != wrong
