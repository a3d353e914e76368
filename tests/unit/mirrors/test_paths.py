"""Files that a checkpoint covers, as tlog-tiles names them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from signerd.mirrors.paths import WIDTH, files_between, is_full

SIZES = st.integers(0, 200_000)


def test_the_example_of_the_specification() -> None:
    # "a tree of size 70,000": 256 full level 0 tiles and more, one full level 1 tile, one partial of level 2.
    files = list(files_between(0, 70_000))
    assert [name for name in files if name.startswith("tile/0/")][-2:] == ["tile/0/272", "tile/0/273.p/112"]
    assert [name for name in files if name.startswith("tile/1/")] == ["tile/1/000", "tile/1/001.p/17"]
    assert [name for name in files if name.startswith("tile/2/")] == ["tile/2/000.p/1"]
    assert sum(name.startswith("tile/entries/") for name in files) == 274


def test_large_numbers_are_split_in_groups() -> None:
    files = list(files_between(1234067 * WIDTH, 1234068 * WIDTH))
    assert files[:2] == ["tile/entries/x001/x234/067", "tile/0/x001/x234/067"]


def test_nothing_grew_nothing_is_copied() -> None:
    assert list(files_between(300, 300)) == []
    assert list(files_between(0, 0)) == []


@settings(deadline=None, max_examples=40)
@given(SIZES, SIZES)
def test_step_by_step_gives_the_same_full_files_as_at_once(first: int, second: int) -> None:
    old, size = sorted((first, second))
    at_once = {name for name in files_between(0, size) if is_full(name)}
    steps = [*files_between(0, old), *files_between(old, size)]
    assert {name for name in steps if is_full(name)} == at_once
    assert len(steps) == len(set(steps))


@settings(deadline=None, max_examples=40)
@given(SIZES)
def test_partial_ones_are_the_rest_of_each_level(size: int) -> None:
    files = [name for name in files_between(0, size) if name.startswith("tile/0/")]
    widths = [WIDTH if is_full(name) else int(name.rpartition("/")[2]) for name in files]
    assert sum(widths) == size


@settings(deadline=None, max_examples=40)
@given(SIZES)
def test_every_level_has_as_many_hashes_as_full_tiles_below(size: int) -> None:
    files = list(files_between(0, size))
    level = 0
    while size >> (8 * level):
        names = [name for name in files if name.startswith(f"tile/{level}/")]
        held = sum(WIDTH if is_full(name) else int(name.rpartition("/")[2]) for name in names)
        assert held == size >> (8 * level)
        level += 1
    assert not any(name.startswith(f"tile/{level}/") for name in files)
