from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.support.tlogs import INSTANCE, SHARD, Signer, write_files
from tests.unit.auditor.folders import SINCE, UNTIL, Plain
from tests.unit.cli.conftest import Run

LATER = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))


@pytest.fixture
def folder(directory: Path) -> Path:
    plain = Plain()
    write_files(directory / "ev", plain.sealed())
    (directory / "log.pub").write_bytes(plain.log.log_pub)
    return directory / "ev"


def test_verify_says_what_is_proven(run: Run, folder: Path) -> None:
    done = run("evidence", "verify", "ev", "--key", "log.pub", "-o", "json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "result": "proven",
        "instance": INSTANCE,
        "period": f"{SINCE} to {UNTIL}",
        "sealed": f"{SHARD}/9 at 2026-11-01T12:00:00.063000Z",
        "files": str(len(Plain().files)),
        "proofs": "4",
        "shards": SHARD,
    }


def test_verify_names_the_first_wrong_file_and_has_exit_code_1(run: Run, folder: Path) -> None:
    (folder / "keys.csv").write_bytes(b"x")
    done = run("evidence", "verify", "ev", "--key", "log.pub")

    assert done.exit_code == 1
    assert "keys.csv: is not the file" in done.stderr
    assert "proven" not in done.stdout


def test_verify_with_a_policy_that_nobody_meets(run: Run, folder: Path, directory: Path) -> None:
    witness = Signer("witness.example/w", 4, 9)
    (directory / "policy").write_text(f"witness w {witness.vkey}\nquorum w\n")
    done = run("evidence", "verify", "ev", "--key", "log.pub", "--witness-policy", "policy")

    assert done.exit_code == 1
    assert "cosignatures" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "2026-02-01", "--until", "2026-01-01", "ev"), "--until must be after --since"),
        (("--since", "2026-02-01", "--until", "2026-02-01", "ev"), "--until must be after --since"),
        (("--since", "2026-02-01", "--until", LATER, "ev"), "is in the future"),
        (("--since", "yesterday", "--until", LATER, "ev"), "is not a time"),
        (("--until", "2026-01-01", "ev"), "--since"),
        (("--since", "2026-01-01", "--until", "2026-02-01"), "DIR"),
        (("verify", "nowhere", "--key", "log.pub"), "nowhere"),
        (("verify", ".",), "--key"),
    ],
)  # fmt: skip
def test_wrong_usage(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run("evidence", *arguments)
    assert (done.exit_code, said in done.stderr) == (2, True), done.output


def test_without_a_daemon_nothing_is_left_behind(run: Run, directory: Path) -> None:
    done = run("--timeout", "0.2", "evidence", "--since", "2026-01-01", "--until", "2026-02-01", "ev")
    assert done.exit_code == 4, done.output
    assert not list(directory.glob("ev*"))


def test_what_is_there_is_not_written_over(run: Run, folder: Path) -> None:
    done = run("evidence", "--since", "2026-01-01", "--until", "2026-02-01", "ev")
    assert (done.exit_code, "never written over" in done.stderr) == (2, True), done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--before", LATER, "--yes"), "at least a day ago"),
        (("--before", "2025-01-01"), "either --plan"),
        (("--before", "2025-01-01", "--plan", "--yes"), "either --plan"),
        (("--plan",), "--before"),
    ],
)
def test_pruning_is_asked_for_in_so_many_words(run: Run, options: tuple[str, ...], said: str) -> None:
    done = run("audit", "prune", *options)
    assert (done.exit_code, said in done.stderr) == (2, True), done.output
