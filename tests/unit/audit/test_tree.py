from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.audit.tree import WIDTH, Edge, Tile, TreeHead
from signerd.core.merkle import EMPTY_ROOT, tree_hash

LEAVES = [sha256(b"%d" % number).digest() for number in range(WIDTH * WIDTH + WIDTH + 3)]
sizes = st.lists(st.integers(0, 1200), max_size=6).map(sorted)


def joined(hashes: list[bytes]) -> bytes:
    return b"".join(hashes)


@given(sizes)
def test_its_head_is_the_tree_hash_of_all_leaves(ends: list[int]) -> None:
    edge = Edge()
    assert edge.head() == TreeHead(0, EMPTY_ROOT)
    for begin, end in pairwise([0, *ends]):
        edge.extend(LEAVES[begin:end])
        assert edge.head() == TreeHead(end, tree_hash(LEAVES[:end]))


@given(sizes)
def test_every_tile_of_leaves_comes_once_and_in_order(ends: list[int]) -> None:
    edge, made = Edge(), list[Tile]()
    for begin, end in pairwise([0, *ends]):
        made += edge.extend(LEAVES[begin:end])

    expected = [LEAVES[at : at + WIDTH] for at in range(0, (ends or [0])[-1] // WIDTH * WIDTH, WIDTH)]
    assert [(tile.level, tile.number, tile.hashes) for tile in made] == [
        (0, number, joined(hashes)) for number, hashes in enumerate(expected)
    ]
    assert [tile.root for tile in made] == [tree_hash(hashes) for hashes in expected]


def test_tiles_of_higher_levels_have_the_roots_of_those_below() -> None:
    made = Edge().extend(LEAVES)
    roots = [tile.root for tile in made if tile.level == 0]
    [above] = [tile for tile in made if tile.level]

    assert len(roots) == WIDTH + 1
    assert above == Tile(1, 0, joined(roots[:WIDTH]), tree_hash(LEAVES[: WIDTH * WIDTH]))


def test_an_edge_goes_on_where_another_stood() -> None:
    roots = [tree_hash(LEAVES[at : at + WIDTH]) for at in range(0, WIDTH * WIDTH, WIDTH)]
    size = WIDTH * (WIDTH - 1)
    edge = Edge(size, [[], roots[:-1]])
    made = edge.extend(LEAVES[size:])

    assert [(tile.level, tile.number) for tile in made] == [(0, WIDTH - 1), (1, 0), (0, WIDTH)]
    assert made[1].hashes == joined(roots)
    assert edge.head() == TreeHead(len(LEAVES), tree_hash(LEAVES))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, []),
        (3, []),
        (256, []),
        (65_536, [(2, 0, 1)]),
        (65_700, [(2, 0, 1)]),
        (65_792, [(1, 1, 1), (2, 0, 1)]),
        (65_794, [(0, 257, 2), (1, 1, 1), (2, 0, 1)]),
    ],
)
def test_partial_tiles_are_those_of_the_size_that_are_not_full_by_now(
    size: int, expected: list[tuple[int, int, int]]
) -> None:
    edge = Edge()
    edge.extend(LEAVES)

    found = list(edge.partials(size))
    assert [(tile.level, tile.number, tile.width) for tile in found] == expected
    if size == 65_794:
        assert found[0].hashes == joined(LEAVES[65_792:65_794])


def test_the_example_of_the_format() -> None:
    """Tlog-tiles: a tree of size 70,000 has 112 hashes in its last tile, above it 17 and 1."""
    edge = Edge()
    edge.extend([bytes(32)] * 70_000)

    assert [(tile.level, tile.number, tile.width) for tile in edge.partials(70_000)] == [
        (0, 273, 112),
        (1, 1, 17),
        (2, 0, 1),
    ]
