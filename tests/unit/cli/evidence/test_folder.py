from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from signerd.cli.evidence.folder import new_folder


def test_a_folder_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "ev") as folder:
        folder.add({"a/b/c.json": b"{}", "d": b""})
        folder.write("manifest.json", b"m")
        assert not (tmp_path / "ev").exists()

    assert (tmp_path / "ev" / "a" / "b" / "c.json").read_bytes() == b"{}"
    assert [(one.path, one.size, one.sha256) for one in folder.entries] == [
        ("a/b/c.json", 2, sha256(b"{}").hexdigest()),
        ("d", 0, sha256(b"").hexdigest()),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["ev"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_was_not_finished_is_gone(tmp_path: Path, error: type[BaseException]) -> None:
    def stopped() -> None:
        with new_folder(tmp_path / "ev") as folder:
            folder.add({"a": b"1"})
            raise error

    with pytest.raises(error):
        stopped()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["file", "directory", "link"])
def test_nothing_is_written_over(tmp_path: Path, there: str) -> None:
    place = tmp_path / "ev"
    if there == "file":
        place.write_bytes(b"x")
    elif there == "directory":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="never written over"), new_folder(place):
        pytest.fail("it began")
    assert [path.name for path in tmp_path.iterdir()] == ["ev"]


def test_what_a_killed_run_left_is_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "ev.partial").mkdir()
    with pytest.raises(FileExistsError, match="remove it") as caught, new_folder(tmp_path / "ev"):
        pytest.fail("it began")
    assert caught.value.filename == str(tmp_path / "ev.partial")
    assert (tmp_path / "ev.partial").exists()


def test_no_file_is_written_twice(tmp_path: Path) -> None:
    with new_folder(tmp_path / "ev") as folder:
        folder.write("a", b"1")
        with pytest.raises(FileExistsError):
            folder.write("a", b"2")
