"""Whatever is changed in a log's files is found; the long runs are a matter of `make soak`."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signerd.auditor.shards import Given, ShardReport, verify_shard
from signerd.auditor.vkeys import parse_log_keys
from tests.support.tlogs import SHARD, TestLog, bundle, records, tile_name, tiles, write_files

FILES = {"checkpoint", "wal/00000001.log", "tile/0/000.p/50", "tile/entries/000.p/50"}
Files = dict[str, bytes]


class Bench:
    """A log on disk whose files are changed and put back; `whole` is what they should be."""

    def __init__(self, directory: Path, count: int) -> None:
        self.directory = directory
        self.log = TestLog(records(count))
        self.whole = {name: data for name, data in self.log.files().items() if data}
        self.given = Given(keys=parse_log_keys(self.log.log_pub))
        write_files(directory, self.whole)

    def report(self) -> ShardReport:
        return verify_shard(self.directory, SHARD, self.given)

    def with_files(self, changed: Files) -> ShardReport:
        """Verify with other files, then put the right ones back."""
        touched = {
            name for name in self.whole.keys() | changed.keys() if self.whole.get(name) != changed.get(name)
        }
        for name in touched:
            self._put(name, changed.get(name))
        report = self.report()
        for name in touched:
            self._put(name, self.whole.get(name))
        return report

    def with_byte(self, name: str, at: int, mask: int) -> ShardReport:
        data = bytearray(self.whole[name])
        data[at] ^= mask
        (self.directory / name).write_bytes(data)
        report = self.report()
        (self.directory / name).write_bytes(self.whole[name])
        return report

    def _put(self, name: str, data: bytes | None) -> None:
        path = self.directory / name
        if data is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


@pytest.fixture
def small(tmp_path: Path) -> Bench:
    return Bench(tmp_path, 50)


@pytest.fixture
def large(tmp_path: Path) -> Bench:
    return Bench(tmp_path, 1000)


def single_bytes(bench: Bench, masks: tuple[int, ...], step: int) -> Iterator[tuple[str, int, int]]:
    for name, data in bench.whole.items():
        for at in range(0, len(data), 1 if len(data) < 200 else step):
            yield from ((name, at, mask) for mask in masks)


def check_single_bytes(bench: Bench, masks: tuple[int, ...], step: int) -> None:
    assert set(bench.whole) == FILES
    missed = [change for change in single_bytes(bench, masks, step) if not bench.with_byte(*change).is_wrong]
    assert not missed
    assert not bench.report().is_wrong


def test_single_bytes(small: Bench) -> None:
    check_single_bytes(small, (0x01,), 23)
    check_single_bytes(small, (0x20, 0xFF), 197)


@pytest.mark.soak
def test_every_single_byte(small: Bench) -> None:
    check_single_bytes(small, (0x01, 0x02, 0x20, 0x80, 0xFF), 1)


def change_bytes(files: Files, dice: random.Random) -> None:
    name = dice.choice(sorted(files))
    data = bytearray(files[name])
    for _ in range(dice.randint(1, 8)):
        data[dice.randrange(len(data))] ^= dice.randint(1, 255)
    files[name] = bytes(data)


def delete_bytes(files: Files, dice: random.Random) -> None:
    name = dice.choice(sorted(files))
    at = dice.randrange(len(files[name]))
    files[name] = files[name][:at] + files[name][at + dice.randint(1, 400) :]


def repeat_bytes(files: Files, dice: random.Random) -> None:
    name = dice.choice(sorted(files))
    start = dice.randrange(len(files[name]))
    end = start + dice.randint(1, 400)
    files[name] = files[name][:end] + files[name][start:end] + files[name][end:]


def cut_file(files: Files, dice: random.Random) -> None:
    name = dice.choice(sorted(files))
    files[name] = files[name][: dice.randrange(len(files[name]))]


def delete_file(files: Files, dice: random.Random) -> None:
    del files[dice.choice(sorted(files))]


def swap_files(files: Files, dice: random.Random) -> None:
    one, other = dice.sample(sorted(files), 2)
    files[one], files[other] = files[other], files[one]


def rename_file(files: Files, dice: random.Random) -> None:
    name = dice.choice(sorted(name for name in files if name.startswith("tile/")))
    level = name.split("/")[1]
    files[tile_name(level, dice.randint(4, 4000), 1 if name.endswith(".p/3") else 256)] = files.pop(name)


def change_entries(log: TestLog) -> Callable[[Files, random.Random], None]:
    """Entries deleted, doubled, exchanged or changed, with the tiles made anew but the old checkpoint."""

    def change(files: Files, dice: random.Random) -> None:
        entries = list(log.entries)
        one, other = dice.sample(range(len(entries)), 2)
        match dice.randint(0, 3):
            case 0:
                entries[one], entries[other] = entries[other], entries[one]
            case 1:
                entries[one] = entries[other]
            case 2:
                entries = [*entries[:one], *entries[one + 1 :], entries[-1]]
            case _:
                entries[one] = entries[one].replace(b"release", b"rel3ase")
        forged = TestLog(entries)
        with_wal = dice.random() < 0.5
        files |= {name: data for name, data in forged.files(wal=with_wal).items() if name != "checkpoint"}
        del files["lock"]

    return change


def check_random_changes(bench: Bench, count: int, seed: int) -> None:
    dice = random.Random(seed)
    plain = [change_bytes, delete_bytes, repeat_bytes, cut_file, delete_file, swap_files, rename_file]
    ways = [*plain, change_entries(bench.log)]
    for number in range(count):
        files = dict(bench.whole)
        way = ways[number % len(ways)]
        way(files, dice)
        if files != bench.whole:
            assert bench.with_files(files).is_wrong, (seed, number, way)
    assert not bench.report().is_wrong


def test_random_changes(large: Bench) -> None:
    check_random_changes(large, 120, seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_5000_random_changes(large: Bench, seed: int) -> None:
    check_random_changes(large, 1000, seed=100 + seed)


def test_a_forged_log_is_found_though_its_files_fit_each_other(large: Bench) -> None:
    entries = list(large.log.entries)
    entries[500] = entries[500].replace(b"release", b"rel3ase")
    forged = TestLog(entries).files()
    forged["checkpoint"] = large.whole["checkpoint"]
    forged.pop("lock")
    report = large.with_files(forged)
    assert (report.where, "root" in report.problem) == ("checkpoint", True)


def test_the_first_bad_record_is_named(large: Bench) -> None:
    entries = list(large.log.entries)
    entries[300] = entries[300].replace(b"release", b"rel3ase")
    files = dict(large.whole)
    files["tile/entries/001"] = bundle(entries[256:512])
    del files["wal/00000001.log"]
    shutil.rmtree(large.directory / "wal")
    (large.directory / "tile/entries/001").write_bytes(files["tile/entries/001"])
    assert large.report().where == "worker-0/301"


def test_a_bad_tile_of_an_upper_level_is_named(large: Bench) -> None:
    name = "tile/1/000.p/3"
    assert name in tiles(large.log.leaves)
    report = large.with_byte(name, 40, 1)
    assert (report.where, "hash 1 " in report.problem) == (name, True)
