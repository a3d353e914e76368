from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.audit.tiles import (
    ENTRIES,
    height,
    minimum_index,
    missing,
    pack,
    read_bundle,
    read_tile,
    tile_path,
    unpack,
)
from signerd.audit.tree import WIDTH
from signerd.core.merkle import leaf_hashes
from signerd.errors import Reason, SignerdError

BODIES = [b'{"n":%d}' % number for number in range(WIDTH)]
HASHES = leaf_hashes(BODIES)


def put(directory: Path, file: str, data: bytes) -> None:
    path = directory / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def put_slab(directory: Path, width: int = WIDTH, number: int = 0) -> None:
    put(directory, tile_path(ENTRIES, number, width), pack(BODIES[:width]))
    put(directory, tile_path(0, number, width), b"".join(HASHES[:width]))


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1234067, 256, "tile/0/x001/x234/067"),
        (1, 999, 17, "tile/1/999.p/17"),
        (63, 1000, 256, "tile/63/x001/000"),
        (ENTRIES, 273, 112, "tile/entries/273.p/112"),
    ],
)
def test_paths_are_those_of_the_format(level: int, number: int, width: int, path: str) -> None:
    assert tile_path(level, number, width) == path


def test_bundles_span_as_much_as_tiles_of_leaves() -> None:
    assert [height(level) for level in (ENTRIES, 0, 1, 7)] == [8, 8, 16, 64]


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 50))
def test_a_bundle_cut_short_gives_its_whole_entries(bodies: list[bytes], cut: int) -> None:
    data = pack(bodies)
    assert list(unpack(data)) == bodies

    found = list(unpack(data[: max(0, len(data) - cut)]))
    assert found == bodies[: len(found)]
    assert len(pack(found)) <= max(0, len(data) - cut)


def test_the_largest_entry_fits() -> None:
    assert list(unpack(pack([bytes(65_535)]))) == [bytes(65_535)]


def test_a_full_tile_is_taken_before_a_partial_and_the_widest_of_these(tmp_path: Path) -> None:
    put_slab(tmp_path, 3)
    put_slab(tmp_path, 9)
    assert read_tile(tmp_path, 0, 0) == HASHES[:9]
    put_slab(tmp_path)
    assert read_tile(tmp_path, 0, 0) == HASHES


def test_a_torn_tile_is_none(tmp_path: Path) -> None:
    assert read_tile(tmp_path, 0, 0) == []
    put_slab(tmp_path, 9)
    put(tmp_path, "tile/0/000", b"".join(HASHES)[:-1])

    assert read_tile(tmp_path, 0, 0) == HASHES[:9]


@pytest.mark.parametrize("width", [5, WIDTH])
def test_entries_come_with_their_proof(tmp_path: Path, width: int) -> None:
    assert read_bundle(tmp_path, 0) is None
    put_slab(tmp_path, width)

    assert read_bundle(tmp_path, 0, 5) == BODIES[:width]
    assert read_bundle(tmp_path, 0, width + 1) is None


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("tile/entries/001", lambda data: data.replace(b'"n":77', b'"n":78'), "record 334 is damaged"),
        ("tile/entries/001", lambda data: data[:-1], "record 512 is missing"),
        ("tile/entries/001", lambda data: b"", "record 257 is missing"),
        ("tile/entries/001", lambda data: data + b"\0\1x", "record 512 is missing"),
        ("tile/entries/001", lambda data: data + b"x", "record 512 is missing"),
        ("tile/0/001", lambda data: data[:64] + bytes(1) + data[65:], "record 259 is damaged"),
        ("tile/0/001", lambda data: data[:-1], "record 257 has no whole tile"),
    ],
)
def test_damage_names_the_first_record(tmp_path: Path, file: str, change: object, says: str) -> None:
    put_slab(tmp_path, number=1)
    path = tmp_path / file
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]

    with pytest.raises(SignerdError, match=says) as caught:
        read_bundle(tmp_path, 1)
    assert caught.value.reason is Reason.AUDIT_CORRUPT


def test_what_was_pruned_is_not_damaged(tmp_path: Path) -> None:
    assert minimum_index(tmp_path) == 0
    (tmp_path / "minimum-index").write_text("300\n")

    assert minimum_index(tmp_path) == 300
    assert missing(tmp_path, 299).reason is Reason.AUDIT_RECORD_NOT_FOUND
    assert missing(tmp_path, 300).reason is Reason.AUDIT_CORRUPT
