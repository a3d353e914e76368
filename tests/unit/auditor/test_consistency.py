"""Consistency proofs, against PROOF and SUBPROOF of RFC 6962 as they are written there."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.auditor.consistency import is_consistent
from tests.support.tlogs import mth

LEAVES = [sha256(b"\0%d" % number).digest() for number in range(70)]
ROOTS = [mth(LEAVES[:size]) for size in range(len(LEAVES) + 1)]


def subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if whole else [mth(leaves)]
    k = 1 << (n - 1).bit_length() - 1
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def proof(old: int, new: int) -> list[bytes]:
    return subproof(old, LEAVES[:new], True) if old else []


@pytest.mark.parametrize("new", range(len(LEAVES) + 1))
def test_proofs_between_all_sizes_hold(new: int) -> None:
    for old in range(new + 1):
        assert is_consistent(old, ROOTS[old], new, ROOTS[new], proof(old, new)), old


sizes = st.integers(1, len(LEAVES)).flatmap(lambda new: st.tuples(st.integers(1, new), st.just(new)))


@given(sizes, st.data())
def test_a_proof_with_any_hash_changed_left_out_or_added_does_not(
    pair: tuple[int, int], data: st.DataObject
) -> None:
    old, new = pair
    hashes = proof(old, new)
    at = data.draw(st.integers(0, len(hashes)))
    rest = hashes[data.draw(st.sampled_from([at, at + 1])) :]
    changed = [*hashes[:at], bytes(32), *rest]

    assert not is_consistent(old, ROOTS[old], new, ROOTS[new], changed)
    for gone in range(len(hashes)):
        assert not is_consistent(old, ROOTS[old], new, ROOTS[new], hashes[:gone] + hashes[gone + 1 :])


@given(sizes)
def test_other_roots_do_not(pair: tuple[int, int]) -> None:
    old, new = pair
    hashes = proof(old, new)

    assert not is_consistent(old, bytes(32), new, ROOTS[new], hashes)
    assert not is_consistent(old, ROOTS[old], new, bytes(32), hashes)


@pytest.mark.parametrize(("old", "new"), [(5, 4), (-1, 4)])
def test_sizes_that_no_proof_can_be_for(old: int, new: int) -> None:
    assert not is_consistent(old, ROOTS[4], new, ROOTS[4], [])


def test_an_empty_log_is_the_beginning_of_any_but_has_its_own_root() -> None:
    assert is_consistent(0, ROOTS[0], 7, ROOTS[7], [])
    assert not is_consistent(0, ROOTS[7], 7, ROOTS[7], [])
