"""The file sink follows its name, never loses a line's bounds, and says what is wrong with the file."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.sinks.base import Unaccepted
from signerd.sinks.files import FileSender
from tests.unit.sinks.samples import entry, record_json

NEVER = float("inf")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def sender(path: Path) -> Iterator[FileSender]:
    sender = FileSender(path, sync=True)
    yield sender
    sender.close()


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")


def test_each_record_is_a_line_byte_for_byte(sender: FileSender, path: Path) -> None:
    sender.send([entry(1), entry(2, detail="tab\tnewline\nü")], NEVER)
    sender.send([entry(3)], NEVER)
    assert lines(path) == [record_json(1), record_json(2, detail="tab\tnewline\nü"), record_json(3), b""]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_moved_file_is_left_for_a_new_one(sender: FileSender, path: Path) -> None:
    sender.send([entry(1)], NEVER)
    path.rename(path.with_suffix(".1"))
    sender.send([entry(2)], NEVER)
    assert (lines(path), lines(path.with_suffix(".1"))) == ([record_json(2), b""], [record_json(1), b""])


def test_a_removed_and_a_replaced_file_are_noticed(sender: FileSender, path: Path) -> None:
    sender.send([entry(1)], NEVER)
    path.unlink()
    sender.send([entry(2)], NEVER)
    other = path.with_suffix(".other")
    other.write_bytes(b"")
    other.replace(path)
    sender.send([entry(3)], NEVER)
    assert lines(path) == [record_json(3), b""]


def test_a_file_that_was_cut_in_place_goes_on_at_its_beginning(sender: FileSender, path: Path) -> None:
    sender.send([entry(1)], NEVER)
    os.truncate(path, 0)
    sender.send([entry(2)], NEVER)
    assert lines(path) == [record_json(2), b""]


def test_two_processes_append_to_one_file(sender: FileSender, path: Path) -> None:
    other = FileSender(path, sync=False)
    for sequence in range(1, 20, 2):
        sender.send([entry(sequence)], NEVER)
        other.send([entry(sequence + 1)], NEVER)
    other.close()
    assert lines(path)[:-1] == [record_json(sequence) for sequence in range(1, 21)]


def test_a_line_that_was_cut_off_stands_alone(sender: FileSender, path: Path) -> None:
    path.write_bytes(b'{"half')
    sender.send([entry(1)], NEVER)
    sender.send([entry(2)], NEVER)
    assert lines(path) == [b'{"half', record_json(1), record_json(2), b""]


def test_a_file_that_takes_only_a_part_is_an_error_and_goes_on_with_a_line_of_its_own(
    sender: FileSender, path: Path
) -> None:
    sender.send([entry(1)], NEVER)
    size, (soft, hard) = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        with pytest.raises(Unaccepted, match="takes no more"):
            sender.send([entry(2)], NEVER)
        with pytest.raises(OSError, match="too large"):
            sender.send([entry(2)], NEVER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sender.send([entry(2)], NEVER)
    assert lines(path) == [record_json(1), record_json(2)[:10], record_json(2), b""]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_what_is_no_regular_file_is_refused(tmp_path: Path, path: Path) -> None:
    os.mkfifo(path)
    for bad in (path, Path("/dev/full")):
        with pytest.raises(Unaccepted, match="no regular file"):
            FileSender(bad, sync=False).send([entry(1)], NEVER)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        FileSender(link, sync=False).send([entry(1)], NEVER)
    with pytest.raises(FileNotFoundError):
        FileSender(tmp_path / "no" / "such", sync=False).send([entry(1)], NEVER)
