"""Default places of home and socket."""

from __future__ import annotations

import pytest

from signerd.core.locations import check_socket_path, default_socket, home
from signerd.errors import Reason, SignerdError


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"SIGNERD_HOME": "/srv/s", "XDG_DATA_HOME": "/data", "HOME": "/home/a"}, "/srv/s"),
        ({"XDG_DATA_HOME": "/data", "HOME": "/home/a"}, "/data/signerd"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/a"}, "/home/a/.local/share/signerd"),
        ({"SIGNERD_HOME": "", "HOME": "/home/a"}, "/home/a/.local/share/signerd"),
    ],
)
def test_home_follows_own_setting_then_xdg_then_home(env: dict[str, str], expected: str) -> None:
    assert home(env) == expected


def test_home_without_any_setting_is_refused() -> None:
    with pytest.raises(SignerdError) as caught:
        home({})
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert "SIGNERD_HOME" in caught.value.message


def test_socket_is_in_the_run_directory() -> None:
    assert default_socket("/srv/s") == "/srv/s/run/signerd.sock"


def test_socket_path_limit_counts_bytes() -> None:
    assert check_socket_path("/" + "a" * 106)
    for path in ["/" + "a" * 107, "/" + "ä" * 60, "", "/a\0b"]:
        with pytest.raises(SignerdError) as caught:
            check_socket_path(path)
        assert caught.value.reason is Reason.ENDPOINT_INVALID
