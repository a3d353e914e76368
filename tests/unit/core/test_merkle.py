"""The tree hash against the recursive definition of RFC 6962, and against known roots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.core.merkle import EMPTY_ROOT, leaf_hash, leaf_hashes, node_hash, tree_hash

# Roots of the first entries of the test tree of certificate-transparency (merkletree/merkle_tree_test.cc).
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def recursive(entries: list[bytes]) -> bytes:
    """MTH as the RFC writes it."""
    if not entries:
        return EMPTY_ROOT
    if len(entries) == 1:
        return leaf_hash(entries[0])
    split = 1 << (len(entries) - 1).bit_length() - 1
    return node_hash(recursive(entries[:split]), recursive(entries[split:]))


@pytest.mark.parametrize("size", ROOTS)
def test_known_roots(size: int) -> None:
    assert tree_hash([leaf_hash(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_equals_the_definition(entries: list[bytes]) -> None:
    assert tree_hash([leaf_hash(entry) for entry in entries]) == recursive(entries)


@given(st.lists(st.binary(max_size=4), max_size=5))
def test_many_leaves_are_hashed_like_one(entries: list[bytes]) -> None:
    assert leaf_hashes(entries) == [leaf_hash(entry) for entry in entries]
