"""A sink goes on where it stopped, and begins anew where that is not known for sure."""

from __future__ import annotations

from pathlib import Path

import pytest

from signerd.sinks.positions import PositionFile


def file_in(directory: Path, instance: str = "i") -> PositionFile:
    return PositionFile(directory / "sinks" / "siem" / "worker-0", instance)


def test_a_new_sink_begins_with_the_next_record(tmp_path: Path) -> None:
    assert file_in(tmp_path).read(41) == 41
    assert file_in(tmp_path).read(50) == 41


def test_a_position_is_kept(tmp_path: Path) -> None:
    file_in(tmp_path).write(7)
    file_in(tmp_path).write(9)
    assert file_in(tmp_path).read(100) == 9
    (kept,) = (tmp_path / "sinks" / "siem").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"{", b"7", b'{"instance":"i"}', b'{"instance":"i","sequence":-1}', b"\xff"]
)
def test_a_damaged_position_is_the_beginning(tmp_path: Path, content: bytes) -> None:
    file_in(tmp_path).write(7)
    (tmp_path / "sinks" / "siem" / "worker-0").write_bytes(content)
    assert file_in(tmp_path).read(100) == 0


def test_a_position_of_another_log_is_the_beginning(tmp_path: Path) -> None:
    file_in(tmp_path).write(7)
    assert file_in(tmp_path, "other").read(100) == 0
    assert file_in(tmp_path).read(6) == 0
