"""`signerctl` in this process, against the fake daemon."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from signerd.cli.main import main
from tests.unit.client.fake_daemon import FakeDaemon, running, socket_in

Run = Callable[..., Result]


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:  # tmp_path is too long for a socket
        yield Path(made)


@pytest.fixture
def daemon(directory: Path) -> Iterator[FakeDaemon]:
    with running(socket_in(directory)) as started:
        yield started


@pytest.fixture
def run(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line; the environment names the socket in `directory`, whether a daemon is there or not."""
    for name in ("CACERT", "CERT", "KEY", "TOKEN", "TOKEN_FILE", "IMPORT_PASSWORD"):
        monkeypatch.delenv(f"SIGNERD_{name}", raising=False)
    monkeypatch.setenv("SIGNERD_ADDR", socket_in(directory))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(directory))
    monkeypatch.chdir(directory)

    def invoke(*arguments: str, stdin: bytes = b"") -> Result:
        return CliRunner().invoke(main, arguments, input=stdin)

    return invoke
