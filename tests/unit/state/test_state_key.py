"""The state key file: made once, private, never made anew for an old database."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from signerd.errors import Reason
from signerd.state.state_key import StateKey, obtain_state_key, read_state_key
from tests.unit.state.contract import refused


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "state.key"
    made = obtain_state_key(path, populated=False)
    again = obtain_state_key(path, populated=True)
    assert made.mac(b"x") == again.mac(b"x") == read_state_key(path).mac(b"x")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_keys_differ(tmp_path: Path) -> None:
    keys = [obtain_state_key(tmp_path / name, populated=False) for name in "ab"]
    assert keys[0].mac(b"x") != keys[1].mac(b"x")


def test_those_who_start_at_once_get_one_key(tmp_path: Path) -> None:
    path = tmp_path / "state.key"
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: obtain_state_key(path, populated=False), range(16)))
    assert len({key.mac(b"x") for key in keys}) == 1


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "state.key"
    with refused(Reason.CONFIG_INVALID, "restore"):
        obtain_state_key(path, populated=True)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "state.key"
    obtain_state_key(path, populated=False)
    path.chmod(mode)
    with refused(Reason.PERMISSIONS_TOO_OPEN):
        read_state_key(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.key"
    obtain_state_key(path, populated=False)
    os.chown(path, 12345, 12345)
    with refused(Reason.PERMISSIONS_TOO_OPEN):
        read_state_key(path)


@pytest.mark.parametrize(
    "content", [b"", b"ab" * 31, b"AB" * 32, b"zz" * 32, b"ab" * 32 + b"\n\n", b"ab" * 99]
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with refused(Reason.CONFIG_INVALID):
        read_state_key(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with refused(Reason.CONFIG_INVALID):
        read_state_key(tmp_path / "none")


def test_the_secret_does_not_show() -> None:
    key = StateKey(b"\x11" * 32)
    assert "11" not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(ValueError, match="32 bytes, not 3"):
        StateKey(b"abc")


def test_macs_are_hmac_sha256() -> None:
    # RFC 4231, test case 1, with its key padded with zeros as HMAC pads it.
    key = StateKey(b"\x0b" * 20 + bytes(12))
    expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    assert key.mac(b"Hi There").hex() == expected
