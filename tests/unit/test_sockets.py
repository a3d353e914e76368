from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd import sockets
from signerd.errors import Reason, SignerdError
from signerd.home import HomeLock
from signerd.ownership import private_directory, trusted_directory
from signerd.sockets import bind_tcp, bind_unix, finish_unix, owner_ids, prepare_unix, socket_umask


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    # Short: sun_path has 108 bytes.
    before = os.umask(0)
    here = Path.cwd()
    os.chdir(tmp_path)
    yield Path("run/s.sock")
    os.chdir(here)
    os.umask(before)


def dead_socket(path: Path) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))


def test_the_directory_is_made_for_us_alone(place: Path) -> None:
    assert prepare_unix(place) == place
    assert mode(place.parent) == 0o700


@pytest.mark.parametrize(("bits", "private", "taken"), [(0o700, True, True), (0o755, False, True)])
def test_directories_that_will_do(place: Path, bits: int, private: bool, taken: bool) -> None:
    place.parent.mkdir()
    place.parent.chmod(bits)
    prepare_unix(place, private=private)


@pytest.mark.parametrize(
    ("bits", "private"), [(0o775, False), (0o757, False), (0o1777, False), (0o755, True)]
)
def test_directories_others_can_use_are_refused(place: Path, bits: int, private: bool) -> None:
    place.parent.mkdir()
    place.parent.chmod(bits)
    with pytest.raises(SignerdError) as caught:
        prepare_unix(place, private=private)
    assert caught.value.reason is Reason.PERMISSIONS_TOO_OPEN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_directories_and_sockets_of_somebody_else_are_refused(place: Path) -> None:
    dead_socket(place)
    os.chown(place, 12345, -1)
    with pytest.raises(SignerdError, match="no socket of ours"):
        prepare_unix(place)
    os.chown(place.parent, 12345, -1)
    for check in (private_directory, trusted_directory, prepare_unix):
        with pytest.raises(SignerdError) as caught:
            check(place.parent if check is not prepare_unix else place)
        assert caught.value.reason is Reason.PERMISSIONS_TOO_OPEN


def test_a_dead_daemons_socket_is_removed(place: Path) -> None:
    dead_socket(place)
    prepare_unix(place)
    assert not place.exists()


def test_a_live_daemons_socket_stays(place: Path) -> None:
    with bind_unix(place), pytest.raises(SignerdError) as caught:
        bind_unix(place)
    assert caught.value.reason is Reason.HOME_IN_USE
    assert place.is_socket()


def test_a_daemon_too_busy_to_answer_is_alive(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_PROBE_SECONDS", 0.05)
    place.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(place))
        busy.listen(0)
        waiting.connect(str(place))
        with pytest.raises(SignerdError) as caught:
            prepare_unix(place)
    assert caught.value.reason is Reason.HOME_IN_USE


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_no_socket_is_not_removed(place: Path, kind: str) -> None:
    place.parent.mkdir(mode=0o700)
    if kind == "file":
        place.write_text("precious")
    elif kind == "directory":
        place.mkdir()
    else:
        dead_socket(place.with_name("other"))
        place.symlink_to("other")
    with pytest.raises(SignerdError) as caught:
        prepare_unix(place)
    assert caught.value.reason is Reason.PERMISSIONS_TOO_OPEN
    assert os.path.lexists(place)


def test_a_socket_is_ours_alone_from_its_first_instant(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    finish = sockets.finish_unix

    def watched(path: Path, bits: int, owner: str | None = None) -> None:
        seen.append(mode(path))
        finish(path, bits, owner)

    monkeypatch.setattr(sockets, "finish_unix", watched)
    with bind_unix(place, 0o660):
        assert seen == [0o600]
        assert mode(place) == 0o660


def test_the_umask_comes_back_even_after_an_error() -> None:
    before = os.umask(0o022)
    with pytest.raises(RuntimeError), socket_umask():
        raise RuntimeError
    assert os.umask(before) == 0o022


def test_owners() -> None:
    assert owner_ids("root") == (0, -1)
    assert owner_ids("root:root") == (0, 0)
    assert owner_ids(":12") == (-1, 12)
    assert owner_ids("7:8") == (7, 8)
    for unknown in ("nobody-has-this-name", "root:nor-this"):
        with pytest.raises(SignerdError) as caught:
            owner_ids(unknown)
        assert caught.value.reason is Reason.CONFIG_INVALID


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_socket_gets_its_owner(place: Path) -> None:
    dead_socket(place)
    finish_unix(place, 0o660, "7:8")
    assert (place.stat().st_uid, place.stat().st_gid, mode(place)) == (7, 8, 0o660)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0", "[::]:0"])
def test_tcp(address: str) -> None:
    with bind_tcp(address) as bound, socket.create_connection(bound.getsockname()[:2], 10):
        assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def test_tcp_that_can_not_be_bound() -> None:
    with bind_tcp("127.0.0.1:0") as bound, pytest.raises(SignerdError) as caught:
        bind_tcp(f"127.0.0.1:{bound.getsockname()[1]}")
    assert caught.value.reason is Reason.HOME_IN_USE
    for address in ("192.0.2.1:1", "no-such-host.invalid:1"):
        with pytest.raises(SignerdError) as caught:
            bind_tcp(address)
        assert caught.value.reason is Reason.CONFIG_INVALID


def test_one_daemon_to_a_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with HomeLock(home), pytest.raises(SignerdError, match=f"in use by process {os.getpid()}") as caught:
        HomeLock(home)
    assert caught.value.reason is Reason.HOME_IN_USE
    assert mode(home) == 0o700
    with HomeLock(home):
        assert (home / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_lives_as_long_as_a_worker_has_it(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "home") as lock:
        inherited = os.dup(lock.fd)
    with pytest.raises(SignerdError):
        HomeLock(tmp_path / "home")
    os.close(inherited)
    with HomeLock(tmp_path / "home"):
        pass


def test_a_home_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(SignerdError) as caught:
        HomeLock(tmp_path)
    assert caught.value.reason is Reason.PERMISSIONS_TOO_OPEN
    assert list(tmp_path.iterdir()) == []
