"""Trees, inclusion proofs, paths and bundles against the definitions of RFC 6962 and tlog-tiles."""

from __future__ import annotations

from hashlib import sha256

import pytest

from signerd.auditor.bundles import parse_bundle
from signerd.auditor.paths import ENTRIES, TilePath, parse_path
from signerd.auditor.proofs import root_of
from signerd.auditor.tree import Tree
from signerd.errors import SignerdError
from tests.support.tlogs import mth, path, tile_name, tiles

LEAVES = [sha256(number.to_bytes(4, "big")).digest() for number in range(66_000)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 511, 512, 700])
def test_roots(size: int) -> None:
    tree = Tree(lambda level, index, hashes: None)
    for at in range(0, size, 256):
        tree.extend(LEAVES[at : min(at + 256, size)])
    assert tree.root() == mth(LEAVES[:size])
    rest = 256 - size % 256
    for more in {1, min(100, rest), rest}:
        assert tree.root(LEAVES[size : size + more]) == mth(LEAVES[: size + more])


def test_tiles_of_three_levels() -> None:
    found: dict[str, bytes] = {}

    def keep(level: int, index: int, hashes: list[bytes]) -> None:
        found[tile_name(level, index)] = b"".join(hashes)

    tree = Tree(keep)
    for at in range(0, 66_000, 256):
        tree.extend(LEAVES[at : at + 256])
    right = tiles(LEAVES)
    assert found == {name: data for name, data in right.items() if ".p/" not in name}
    assert [len(hashes) for hashes in tree.edge] == [208, 1, 1]


@pytest.mark.parametrize("size", range(1, 34))
def test_inclusion_proofs(size: int) -> None:
    leaves, root = LEAVES[:size], mth(LEAVES[:size])
    for index in range(size):
        proof = path(index, leaves)
        assert root_of(leaves[index], index, size, proof) == root
        assert root_of(leaves[index], index, size, [*proof, root]) is None
        assert root_of(leaves[index], index, size, proof[:-1]) is None or not proof
        assert root_of(leaves[index], size, size, proof) is None
        for other in range(size):
            assert other == index or root_of(leaves[index], other, size, proof) != root


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tile/0/000", TilePath(0, 0)),
        ("tile/entries/x001/x234/067", TilePath(ENTRIES, 1234067)),
        ("tile/63/999.p/255", TilePath(63, 999, 255)),
        ("tile/1/x001/000.p/1", TilePath(1, 1000, 1)),
    ],
)
def test_paths(text: str, path: TilePath) -> None:
    assert parse_path(text) == path
    assert path.format() == text


@pytest.mark.parametrize(
    "text",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/entry/000",
        "tile/0/00\u0660",
        "/tile/0/000",
        "tile/0/" + "x999/" * 7 + "000",
    ],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(SignerdError):
        parse_path(text)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"\0\2a", b"\0\1ab", b"\0\1a" * 257])
def test_what_is_no_bundle(data: bytes) -> None:
    with pytest.raises(SignerdError):
        parse_bundle(data)
