"""Key files that somebody put into the directory of `local`: found, adopted, checked, with a daemon and signerctl."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from signerd.core.algorithms import algorithm_named
from signerd.core.private_keys import generate
from signerd.core.public_keys import pem, spki
from signerd.providers.local.files import LocalFiles
from signerd.providers.local.uris import place
from tests.integration.process.conftest import NewDaemon
from tests.integration.process.daemons import PASSWORD, Daemon


def put_key(daemon: Daemon, name: str, tag: str, algorithm: str = "") -> tuple[str, str]:
    """A key file as another signerd would have left it: its URI, and the public key as PEM."""
    where, private_key = place(name, 1, tag), generate(algorithm_named(algorithm))
    LocalFiles(daemon.home / "keys", PASSWORD.encode).write(where, private_key)
    return where.uri, pem(spki(private_key.public_key()))


def operations(daemon: Daemon) -> list[str]:
    """What is on record, oldest first."""
    shown = json.loads(daemon.ctl("audit", "list", "--limit", "100", "-o", "json").stdout)
    return [record["operation"] for record in shown["records"]][::-1]


def discovered(daemon: Daemon) -> list[str]:
    shown = json.loads(daemon.ctl("keys", "discover", "-o", "json").stdout)
    return [key["uri"] for key in shown.get("keys", [])]


def test_a_key_file_is_discovered_adopted_used_and_checked(daemon: Daemon) -> None:
    daemon.ctl("keys", "create", "mine")
    uri, public = put_key(daemon, "from/afar", "copied")
    assert discovered(daemon) == [uri]
    adopted = daemon.ctl("keys", "adopt", "team/release", "--uri", uri, "--label", "from=afar")
    assert adopted.returncode == 0, adopted.stderr
    assert re.search(r"^1 +active ", adopted.stdout, re.MULTILINE)
    assert discovered(daemon) == []
    assert daemon.ctl("public-key", "team/release").stdout == public
    with daemon.client() as client:
        signed = client.sign("team/release", message=b"x")
        client.verify("team/release", signed.signature, message=b"x")
    checked = daemon.ctl("keys", "check")
    assert checked.returncode == 0
    assert [line.split()[0] for line in checked.stdout.splitlines()] == ["KEY", "mine", "team/release"]
    assert "adopt-key-begun adopt-key" in " ".join(operations(daemon))


def test_adopted_keys_are_there_after_a_restart(daemon: Daemon) -> None:
    uri, _ = put_key(daemon, "old", "a")
    retired, _ = put_key(daemon, "old", "b")
    daemon.ctl("keys", "adopt", "release", "--uri", uri)
    again = daemon.ctl("keys", "adopt", "release", "--uri", retired, "--public-only")
    assert again.returncode == 0, again.stderr
    daemon.stop()
    daemon.start()
    shown = daemon.ctl("keys", "show", "release").stdout
    assert [line.split()[:2] for line in shown.splitlines() if line[:1].isdigit()] == [
        ["1", "active"],
        ["2", "verify-only"],
    ]
    assert daemon.ctl("keys", "check", "release").returncode == 0


def test_what_can_t_be_adopted_is_refused_and_stays(daemon: Daemon) -> None:
    uri, _ = put_key(daemon, "old", "a")
    daemon.ctl("keys", "adopt", "first", "--uri", uri)
    for arguments, code, text in (
        (("second", "--uri", uri), 3, "'first'"),
        (("second", "--uri", "local:gone/1-a.key"), 4, "KEY_MATERIAL_UNREADABLE"),
        (("second", "--uri", "aws-kms://eu-central-1/x"), 2, "no provider of that type"),
        (("second", "--uri", "nonsense"), 2, "KEY_URI_INVALID"),
    ):
        done = daemon.ctl("keys", "adopt", *arguments)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert text in done.stderr
    assert len(list((daemon.home / "keys").rglob("*.key"))) == 2  # the daemon's own log key is one


def test_a_check_finds_a_file_that_was_replaced_and_one_that_is_gone(daemon: Daemon) -> None:
    daemon.ctl("keys", "create", "swapped")
    daemon.ctl("keys", "create", "gone")
    daemon.ctl("keys", "create", "good")
    daemon.stop()
    put_key(daemon, "other", "x")
    for kind in ("key", "pub"):
        [other] = (daemon.home / "keys" / "other").glob(f"*.{kind}")
        [swapped] = (daemon.home / "keys" / "swapped").glob(f"*.{kind}")
        swapped.write_bytes(other.read_bytes())
    for path in (daemon.home / "keys" / "gone").iterdir():
        path.unlink()
    daemon.start()
    done = daemon.ctl("keys", "check")
    results = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert done.returncode == 3
    assert "PROVIDER_INTEGRITY" in results["swapped"]
    assert "KEY_MATERIAL_UNREADABLE" in results["gone"]
    assert results["good"].endswith("ok")
    assert daemon.ctl("keys", "check", "gone").returncode == 4
    assert daemon.ctl("keys", "check", "good").returncode == 0
    assert "swapped version 1" in daemon.ctl("status").stdout


CONFIG = """
providers:
  files: {{type: local, directory: {home}/keys}}
  scratch: {{type: memory}}
default_provider: scratch
"""


@pytest.fixture
def two(new_daemon: NewDaemon, tmp_path: Path) -> Daemon:
    """A daemon with two providers."""
    daemon = new_daemon()
    daemon.file.write_text(CONFIG.format(home=daemon.home))
    return daemon.start()


def test_providers_are_shown(two: Daemon) -> None:
    listed = two.ctl("providers", "list").stdout.splitlines()
    assert [line.split()[:3] for line in listed[1:]] == [
        ["files", "local", "local:"],
        ["scratch", "memory", "memory:"],
    ]
    facts = two.ctl("providers", "show", "scratch").stdout
    assert re.search(r"^default +yes$", facts, re.MULTILINE)
    assert re.search(r"^disable +yes$", facts, re.MULTILINE)
    shown = json.loads(two.ctl("providers", "show", "files", "-o", "json").stdout)
    assert shown["settings"] == {"verify_after_sign": "sampled"}
    assert str(two.home) not in json.dumps(shown)
    assert two.ctl("providers", "show", "nobody").returncode == 2
    offered = two.ctl(
        given="",
        _SIGNERCTL_COMPLETE="bash_complete",
        COMP_WORDS="signerctl providers show f",
        COMP_CWORD="3",
    )
    assert offered.stdout.split(",")[-1].strip() == "files"
