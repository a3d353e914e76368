from __future__ import annotations

from pathlib import Path

import pytest

from signerd.config import Config
from signerd.config_changes import changes, reloaded
from signerd.config_example import example
from signerd.config_file import read


def config(**replaced: str) -> Config:
    text = example()
    for name, new in replaced.items():
        old = name.replace("__", ": ")
        assert old in text
        text = text.replace(old, f"{old.split(': ')[0]}: {new}")
    return read(text.encode(), "c.yaml", Path("/etc"), {})


OLD = config()


@pytest.mark.parametrize(
    ("replaced", "path"),
    [
        ({"level__info": "debug"}, "log.level"),
        ({"drain__5s": "9s"}, "drain"),
        ({"payload__3MiB": "2MiB"}, "limits.payload"),
        ({"concurrent__1000": "10"}, "limits.concurrent"),
    ],
)
def test_what_a_running_daemon_takes_over(replaced: dict[str, str], path: str) -> None:
    new = config(**replaced)
    assert changes(OLD, new) == ((path,), ())
    assert reloaded(OLD, new) == new


@pytest.mark.parametrize(
    ("replaced", "path"),
    [
        ({"workers__1": "2"}, "workers"),
        ({"cert__/etc/signerd/tls.crt": "/other"}, "listeners.cluster.tls.cert"),
        ({"streams__1000": "10"}, "limits.streams"),
        ({"gather__5ms": "3ms"}, "audit.gather"),
        ({"tcp__0.0.0.0:8443": "0.0.0.0:8444"}, "listeners.cluster.tcp"),
        ({"verify_after_sign__sampled": "always"}, "providers.local.verify_after_sign"),
    ],
)
def test_what_needs_a_restart_stays_as_it_was(replaced: dict[str, str], path: str) -> None:
    new = config(**replaced)
    assert changes(OLD, new) == ((), (path,))
    assert reloaded(OLD, new) == OLD


def test_a_renamed_listener_is_another_one() -> None:
    new = read(example().replace("name: cluster", "name: other").encode(), "c.yaml", Path("/etc"), {})
    found = changes(OLD, new)
    assert found.reloadable == ()
    assert {path.split(".")[1] for path in found.needs_restart} == {"cluster", "other"}
    assert reloaded(OLD, new) == OLD


def test_nothing_changed() -> None:
    assert changes(OLD, config()) == ((), ())
