"""A daemon whose log began a hundred days ago: old records go, what is left verifies and can be proven."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from signerd.cli.evidence.source import Source
from tests.integration.process.daemons import Daemon, until

DIGEST = f"sha256:{64 * 'a'}"
QUICK = "audit: {checkpoint_interval: 100ms}\n"
# What the daemon's process runs first, given on PYTHONPATH: its records are of another time.
SHIFTED = """
import os, time
_now, _ahead = time.time_ns, int(os.environ["SHIFT_NS"])
time.time_ns = lambda: _now() + _ahead
"""
OLD = timedelta(days=100)


@pytest.fixture
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """It made 700 signatures a hundred days ago, and some now; the public key of its log is in log.pub."""
    directory = tmp_path_factory.mktemp("r")
    (directory / "past").mkdir()
    (directory / "past" / "sitecustomize.py").write_text(SHIFTED)
    daemon = Daemon(directory, QUICK)
    daemon.given |= {
        "PYTHONPATH": str(directory / "past"),
        "SHIFT_NS": str(-int(OLD.total_seconds()) * 10**9),
    }
    try:
        daemon.start()
        with daemon.client() as client:
            client.create_key("release")
            sign(daemon, 700)
            (directory / "log.pub").write_bytes(Source(client).log_keys())
        daemon.stop()
        del daemon.given["PYTHONPATH"]
        daemon.start()
        sign(daemon, 20)
        yield daemon
    finally:
        daemon.end()


def sign(daemon: Daemon, count: int) -> None:
    with daemon.client() as client:
        for _ in range(count):
            client.sign("release", digest=DIGEST)


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%d")


def prune(daemon: Daemon, *options: str) -> dict[str, object]:
    done = daemon.ctl("audit", "prune", *options, "-o", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)["shards"][0]
    return found


def verified(daemon: Daemon) -> dict[str, object]:
    """The report of a log that is not wrong; its end is proven by a checkpoint."""
    done = daemon.ctl("audit", "verify", "home/audit", "--key", "log.pub", "-o", "json")
    report: dict[str, object] = json.loads(done.stdout)["shards"][0]
    assert report["first_wrong"] is None, report
    return report


def test_old_records_are_pruned_when_asked_for_and_the_rest_is_proven(daemon: Daemon) -> None:
    size = int(str(verified(daemon)["records"]))
    until(lambda: prune(daemon, "--before", day(30), "--plan").get("minimum_index") == "512")
    assert verified(daemon)["first_record"] == 1

    assert prune(daemon, "--before", day(30), "--yes")["minimum_index"] == "512"
    sign(daemon, 5)
    until(lambda: int(str(verified(daemon)["size"])) > size + 5)
    assert verified(daemon)["first_record"] == 513
    prove(daemon, 600)
    assert_evidence(daemon)
    # Again, and after a start: nothing more to do, nothing amiss.
    daemon.stop()
    daemon.start()
    assert prune(daemon, "--before", day(30), "--yes").get("before") == "512"
    assert verified(daemon)["first_record"] == 513


def prove(daemon: Daemon, sequence: int) -> None:
    """What is left can be proven."""
    with daemon.client() as client:
        left = client.audit.get_proof("worker-0", sequence)
    (daemon.directory / "left.json").write_text(left.record.json)
    (daemon.directory / "left.tlog-proof").write_text(left.proof)
    done = daemon.ctl("audit", "verify-proof", "left.tlog-proof", "--entry", "left.json", "--key", "log.pub")
    assert done.returncode == 0, done.stderr


def assert_evidence(daemon: Daemon) -> None:
    """Evidence of a period that was pruned in part says so, and verifies."""
    time.sleep(1)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    done = daemon.ctl("evidence", "--since", day(200), "--until", now, "ev")
    assert done.returncode == 0, done.stderr
    assert "its first 512 records were pruned" in (daemon.directory / "ev" / "README.md").read_text()
    assert "audit-pruned" in (daemon.directory / "ev" / "changes.csv").read_text()
    assert daemon.ctl("evidence", "verify", "ev", "--key", "log.pub").returncode == 0


def test_a_daemon_with_an_age_prunes_by_itself(daemon: Daemon) -> None:
    daemon.stop()
    daemon.file.write_text("audit: {checkpoint_interval: 100ms, retention: 30d}\n")
    daemon.start()
    minimum = daemon.shard / "minimum-index"
    until(minimum.exists, 120)
    assert minimum.read_text() == "512\n"
    assert verified(daemon)["first_record"] == 513
