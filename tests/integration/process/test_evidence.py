"""Evidence of what real daemons did, verified without them; and what becomes of records that get old."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.auditor.evidence import Trusted, verify_evidence
from signerd.auditor.vkeys import parse_log_keys
from signerd.cli.evidence.source import Source
from signerd.errors import Reason, SignerdError
from tests.integration.process.daemons import Daemon

DIGEST = f"sha256:{64 * 'a'}"
CONFIG = """
workers: 2
listeners:
  - {{name: local, unix: {home}/run/signerd.sock}}
  - {{name: audit, unix: {home}/run/audit.sock, role: auditor}}
"""


def now() -> str:
    """The next full second, once it has begun: what was done before is before it."""
    time.sleep(1.01 - time.time() % 1.0)  # the clock and that of sleep differ by a little
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def evidence(daemon: Daemon, since: str, until: str, name: str, *options: str) -> dict[str, str]:
    """Make a folder as the auditor."""
    socket = f"unix:{daemon.home}/run/audit.sock"
    done = daemon.ctl(
        *("--endpoint", socket, "evidence", "--since", since, "--until", until, name, "-o", "json"), *options
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It has done something before the period, in it and after it; its folder is `ev`, its key in log.pub."""
    directory = tmp_path_factory.mktemp("e")
    daemon = Daemon(directory, CONFIG.format(home=directory / "home")).start()
    try:
        with daemon.client() as client:
            client.create_key("before")
            client.sign("before", digest=DIGEST)
            since = now()
            client.create_key("release", labels={"owner": "team-a"})
            for _ in range(3):
                client.sign("release", digest=DIGEST)
            for key in ("nokey", "nokey", "other"):
                with pytest.raises(SignerdError):
                    client.sign(key, digest=DIGEST)
            until = now()
            client.sign("release", digest=DIGEST)
            (directory / "log.pub").write_bytes(Source(client).log_keys())
        evidence(daemon, since, until, "ev")
        yield daemon
    finally:
        daemon.end()


@pytest.fixture
def folder(daemon: Daemon, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(daemon.directory / "ev", tmp_path / "ev"))


@pytest.fixture
def given(daemon: Daemon) -> Trusted:
    return Trusted(parse_log_keys((daemon.directory / "log.pub").read_bytes()))


def document(daemon: Daemon, name: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads((daemon.directory / "ev" / name).read_bytes())
    return found


def test_it_verifies_and_says_what_it_is_of(daemon: Daemon) -> None:
    done = daemon.ctl("evidence", "verify", "ev", "--key", "log.pub", "-o", "json")
    report = json.loads(done.stdout)

    assert (done.returncode, report["result"], report["shards"]) == (0, "proven", "worker-0, worker-1")
    record = json.loads(daemon.ctl("audit", "show", report["sealed"].split()[0]).stdout)
    assert (record["operation"], record["caller"]) == ("evidence", "unix:audit")
    with daemon.client() as client:
        assert report["instance"] == client.status().instance


def test_it_has_what_was_done_in_the_period_and_nothing_else(daemon: Daemon) -> None:
    changes = [(one["operation"], one.get("key")) for one in document(daemon, "changes.json")["records"]]
    assert changes == [("create-key-begun", "release"), ("create-key", "release")]
    refusals = [(one["key"], one["reason"]) for one in document(daemon, "refusals.json")["records"]]
    assert refusals == [("nokey", "KEY_NOT_FOUND")] * 2 + [("other", "KEY_NOT_FOUND")]
    groups = [(one["key"], one["count"]) for one in document(daemon, "refusal-groups.json")["refusal-groups"]]
    assert groups == [("nokey", 2), ("other", 1)]
    activity = [
        (one["key"], one["caller"], one["count"])
        for one in document(daemon, "activity.json")["activity"]
        if one["outcome"] == "ok"
    ]
    assert activity == [("release", "unix:local", 3)]


def test_the_inventory_has_every_version_of_every_key(daemon: Daemon) -> None:
    with (daemon.directory / "ev" / "keys.csv").open(newline="") as file:
        rows = {one["name"]: one for one in csv.DictReader(file)}

    assert list(rows) == ["before", "release", "signerd.audit-log"]
    assert (rows["before"]["owner"], rows["release"]["owner"]) == ("unix:local", "team-a")
    assert rows["signerd.audit-log"]["purpose"] == "log"
    # Used in the period, before it, and never by a caller.
    assert rows["before"]["last_use"] < rows["release"]["last_use"]
    assert rows["signerd.audit-log"]["last_use"] == ""
    assert document(daemon, "keys.json")["keys"][1]["name"] == "release"


def test_grants_are_those_of_the_listeners(daemon: Daemon) -> None:
    grants = {str(one["subject"]): one for one in document(daemon, "grants.json")["grants"]}
    assert grants["unix:local"]["operations"] == ["*"]
    assert "Signer/Sign" not in str(grants["unix:audit"]["operations"])
    assert grants["unix:audit"]["keys"] == []


def test_every_file_changed_removed_or_added_is_found(folder: Path, given: Trusted) -> None:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert len(names) > 30
    for name in names:
        whole = (folder / name).read_bytes()
        for broken in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], b"x" + whole, None):
            if broken is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(broken)
            assert_found(folder, given, name)
        (folder / name).write_bytes(whole)
        (folder / f"{name}.x").write_bytes(b"")
        assert_found(folder, given, f"{name}.x")
        (folder / f"{name}.x").unlink()
    verify_evidence(folder, given)


def assert_found(folder: Path, given: Trusted, name: str) -> None:
    with pytest.raises(SignerdError) as caught:
        verify_evidence(folder, given)
    assert caught.value.reason is Reason.AUDIT_EVIDENCE_INVALID
    # The seal is a record and its proof: which of the two was changed can't be told.
    assert (
        caught.value.field in {name, "seal.tlog-proof"} if name == "seal.json" else caught.value.field == name
    )


def test_the_same_period_again_gives_the_same_tables(daemon: Daemon) -> None:
    manifest = json.loads((daemon.directory / "ev" / "manifest.json").read_bytes())
    evidence(daemon, manifest["since"], manifest["until"], "again")
    changing = {"checkpoint", "heads.json", "tlog-proof"}
    for entry in manifest["files"]:
        if not any(entry["path"].endswith(end) for end in changing):
            data = (daemon.directory / "again" / entry["path"]).read_bytes()
            assert data == (daemon.directory / "ev" / entry["path"]).read_bytes(), entry["path"]


def test_more_than_the_most_are_counted_only(daemon: Daemon) -> None:
    manifest = json.loads((daemon.directory / "ev" / "manifest.json").read_bytes())
    evidence(daemon, manifest["since"], manifest["until"], "few", "--most", "1")
    refusals = json.loads((daemon.directory / "few" / "refusals.json").read_bytes())

    assert (len(refusals["records"]), refusals["left_out"]) == (1, 2)
    assert "2 refusals are counted, but not quoted" in (daemon.directory / "few" / "README.md").read_text()
    assert daemon.ctl("evidence", "verify", "few", "--key", "log.pub").returncode == 0


def test_an_auditor_makes_evidence_and_neither_signs_nor_prunes(daemon: Daemon) -> None:
    socket = ("--endpoint", f"unix:{daemon.home}/run/audit.sock")
    for command in (
        ("sign", "--key", "release", "--digest", DIGEST),
        ("audit", "prune", "--before", "2025-01-01", "--yes"),
    ):
        done = daemon.ctl(*socket, *command)
        assert (done.returncode, "CALLER_DENIED" in done.stderr) == (3, True), done.stderr
