"""signerctl's exit codes against a real daemon: what a script can tell apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.process.daemons import Daemon

KEY = "team-a/release"
BAD_DIGEST = "sha256:00"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("d")).start()
    (daemon.directory / "file").write_bytes(b"some bytes")
    (daemon.directory / "other").write_bytes(b"some bytez")
    assert daemon.ctl("keys", "create", KEY).returncode == 0
    signed = daemon.ctl("sign", "--key", KEY, "--output-signature", "sig", "file")
    assert signed.returncode == 0, signed.stderr
    yield daemon
    daemon.end()


TABLE = [
    (0, ["verify", "--key", KEY, "--signature", "sig", "file"], ""),
    (1, ["verify", "--key", KEY, "--signature", "sig", "other"], "does not verify"),
    (2, ["sign", "--key", KEY, "--digest", BAD_DIGEST], "sha256"),
    (2, ["sign", "--key", "../x", "file"], "not a key name"),
    (2, ["sign", "--key", KEY, "none"], "none"),
    (2, ["sign", "--kye", KEY], "No such option"),
    (3, ["keys", "create", KEY], "exists"),
    (4, ["--endpoint", "unix:/nonexistent/socket", "status"], "no daemon"),
    (5, ["sign", "--key", "none", "file"], "no key"),
    (5, ["public-key", KEY, "--version", "9"], "version"),
]


@pytest.mark.parametrize(("code", "arguments", "text"), TABLE)
def test_exit_codes(daemon: Daemon, code: int, arguments: list[str], text: str) -> None:
    done = daemon.ctl(*arguments)
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert code == 0 or done.stderr
