from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from signerd.config import Config
from signerd.config_file import read
from signerd.errors import Reason, SignerdError
from signerd.password_sources import choose
from signerd.passwords import FilePassword, GivenPassword, capture, choose_default, from_credential, make_once


def secret_file(path: Path, content: bytes = b"hunter2\n", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def reason(call: object) -> Reason:
    assert callable(call)
    with pytest.raises(SignerdError) as caught:
        call()
    assert "hunter2" not in str(caught.value)
    return caught.value.reason


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir(mode=0o700)
    return directory


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"hunter2\n", b"hunter2"),
        (b"hunter2", b"hunter2"),
        (b"a\n\n", b"a\n"),
        (b" a \n", b" a "),
        (b"\xff", b"\xff"),
    ],
)
def test_one_newline_at_the_end_is_no_part_of_a_password(
    tmp_path: Path, content: bytes, password: bytes
) -> None:
    assert FilePassword(secret_file(tmp_path / "p", content))() == password


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o777])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    assert reason(FilePassword(secret_file(tmp_path / "p", mode=mode))) is Reason.PERMISSIONS_TOO_OPEN


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "p")
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 12345, -1)
    assert reason(FilePassword(path)) is Reason.PERMISSIONS_TOO_OPEN


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 4097])
def test_empty_and_oversized_files_are_refused(tmp_path: Path, content: bytes) -> None:
    assert reason(FilePassword(secret_file(tmp_path / "p", content))) is Reason.CONFIG_INVALID


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path / "fifo", tmp_path / "none", tmp_path):
        assert reason(FilePassword(path)) is Reason.CONFIG_INVALID


def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secret_file(tmp_path / "p", mode=0o644))
    assert reason(FilePassword(tmp_path / "link")) is Reason.PERMISSIONS_TOO_OPEN


def test_variables_are_taken_out_of_the_environment() -> None:
    environ = {"SIGNERD_PASSWORD": "hunter2", "OTHER": "x", "MINE": "hunter3", "HOME": "/"}
    assert capture(["MINE", "UNSET"], environ) == {"SIGNERD_PASSWORD": b"hunter2", "MINE": b"hunter3"}
    assert environ == {"OTHER": "x", "HOME": "/"}


def test_no_repr_shows_a_password(tmp_path: Path) -> None:
    sources = [GivenPassword("P", b"hunter2"), FilePassword(secret_file(tmp_path / "hidden"))]
    assert "hunter2" not in repr(sources)
    assert "P" in repr(sources[0])
    assert "hidden" in repr(sources[1])


def test_the_order_of_the_default_sources(home: Path, tmp_path: Path) -> None:
    secret_file(tmp_path / "signerd-password", b"from credential")
    file = secret_file(tmp_path / "file", b"from file")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "SIGNERD_PASSWORD_FILE": str(file)}
    taken = {"SIGNERD_PASSWORD": b"from variable"}
    assert choose_default(home, taken, environ).source() == b"from file"
    del environ["SIGNERD_PASSWORD_FILE"]
    assert choose_default(home, taken, environ).source() == b"from variable"
    assert choose_default(home, {}, environ).source() == b"from credential"
    assert not (home / "password").exists()


def test_without_any_source_a_random_password_is_made_once(home: Path) -> None:
    first = choose_default(home, {}, {})
    again = choose_default(home, {}, {})
    assert first.source() == again.source()
    assert len(first.source()) >= 43
    assert str(home / "password") in first.warning
    assert str(home / "password") in again.warning
    assert stat.S_IMODE((home / "password").stat().st_mode) == 0o600
    assert names(home) == ["password"]


def test_a_made_password_never_replaces_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_file(home / "password", b"old")
    # As if another process had written it between look and link.
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert not make_once(home / "password")
    assert (home / "password").read_bytes() == b"old"
    assert names(home) == ["password"]


def test_a_made_password_is_durable_before_it_has_its_name(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = []
    link, sync = Path.hardlink_to, os.fsync

    def linked(path: Path, target: Path) -> None:
        events.append("link")
        link(path, target)

    def synced(fd: int) -> None:
        events.append("fsync directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "fsync file")
        sync(fd)

    monkeypatch.setattr(Path, "hardlink_to", linked)
    monkeypatch.setattr("os.fsync", synced)
    make_once(home / "password")
    assert events == ["fsync file", "link", "fsync directory"]


def test_an_open_home_gets_no_password(home: Path) -> None:
    home.chmod(0o755)
    assert reason(lambda: choose_default(home, {}, {})) is Reason.PERMISSIONS_TOO_OPEN
    assert names(home) == []


def test_credentials_have_systemds_modes(tmp_path: Path) -> None:
    secret_file(tmp_path / "c", mode=0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert from_credential("c", environ)() == b"hunter2"
    (tmp_path / "c").chmod(0o444)
    assert reason(from_credential("c", environ)) is Reason.PERMISSIONS_TOO_OPEN
    assert reason(lambda: from_credential("c", {})) is Reason.CONFIG_INVALID
    missing = {"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}
    assert reason(lambda: from_credential("c", missing)) is Reason.CONFIG_INVALID


def config(home: Path, providers: str) -> Config:
    return read(f"home: {home}\nproviders: {providers}\ndefault_provider: a".encode(), "c", home, {})


def test_each_provider_has_its_own_source(home: Path) -> None:
    secret_file(home / "pw", b"from file")
    secret_file(home / "cred", b"from credential")
    settings = config(
        home,
        "{a: {type: local, directory: d, password_file: pw}, b: {type: local, directory: d, password_env: B},"
        " c: {type: local, directory: d, password_credential: cred}, d: {type: memory}}",
    )
    assert settings.password_variables() == ("B",)
    sources = choose(settings, {"B": b"from variable"}, {"CREDENTIALS_DIRECTORY": str(home)})
    assert {name: held["password"]() for name, held in sources.by_provider.items()} == {
        "a": b"from file",
        "b": b"from variable",
        "c": b"from credential",
    }
    assert sources.warnings == ()
    assert reason(lambda: choose(settings, {}, {})) is Reason.CONFIG_INVALID


def test_the_made_password_is_warned_of_once_for_all_providers(home: Path) -> None:
    settings = config(home, "{a: {type: local, directory: d}, b: {type: local, directory: e}}")
    assert len(choose(settings, {}, {}).warnings) == 1
