"""`signerctl audit verify` and `verify-proof`: what they say, and their exit codes."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from signerd.auditor.contents import Contents
from signerd.auditor.paths import TilePath
from tests.support.tlogs import Signer, TestLog, b64, path, record, records
from tests.unit.cli.conftest import Run

WITNESS = Signer("witness.example/w", 4, 5)
LOG = TestLog(records(300))


@pytest.fixture
def files(directory: Path) -> Path:
    """A log, its key and what goes with it, in the working directory."""
    LOG.write(directory / "audit" / "worker-0")
    (directory / "log.pub").write_bytes(LOG.log_pub)
    (directory / "policy").write_text(f"witness w {WITNESS.vkey}\nquorum w\n")
    (directory / "kept").write_bytes(LOG.checkpoint(290))
    return directory


def test_without_anything_else_the_end_is_unproven(run: Run, files: Path) -> None:
    done = run("audit", "verify", "audit", "--key", "log.pub")
    assert done.exit_code == 6
    assert "end of the log: unproven\n" in done.stdout
    assert "records: 1 to 300, each checked\n" in done.stdout


def test_a_kept_checkpoint_proves_it(run: Run, files: Path) -> None:
    done = run("audit", "verify", "audit", "--key", "log.pub", "--since", "kept")
    assert done.exit_code == 0, done.output
    assert "end of the log: proven to record 290 by a checkpoint that was kept elsewhere\n" in done.stdout


@pytest.mark.parametrize(
    ("after", "code"), [("2001-09-09T01:46:40Z", 0), ("2001-09-09T01:46:41", 6), (None, 6)]
)
def test_a_quorum_proves_it_if_it_is_recent(run: Run, files: Path, after: str | None, code: int) -> None:
    log = TestLog(records(300), signers=[*LOG.signers, WITNESS], now=1_000_000_000)
    (files / "audit/worker-0/checkpoint").write_bytes(log.checkpoint())
    since = ["--witnessed-after", after] if after else []
    done = run("audit", "verify", "audit", "--key", "log.pub", "--witness-policy", "policy", *since)
    assert done.exit_code == code
    assert "witnessed 2001-09-09T01:46:40Z\n" in done.stdout


def test_what_is_wrong_is_named(run: Run, files: Path) -> None:
    (files / "audit/worker-0/tile/entries/001.p/44").unlink()
    done = run("audit", "verify", "audit", "--key", "log.pub", "--since", "kept")
    assert done.exit_code == 1
    assert "result: wrong\nfirst wrong: tile/entries/001.p/44: is missing\n" in done.stdout


def test_json(run: Run, files: Path) -> None:
    (files / "audit/worker-0/notes.txt").write_text("x")
    done = run("audit", "verify", "audit/worker-0", "--key", "log.pub", "--since", "kept", "-o", "json")
    document = json.loads(done.stdout)
    (shard,) = document["shards"]
    assert (done.exit_code, document["result"], shard["result"]) == (0, "proven", "proven")
    assert (shard["shard"], shard["size"], shard["records"]) == ("worker-0", 300, 300)
    assert shard["unknown_files"] == ["notes.txt"]
    assert shard["first_wrong"] is None
    (files / "audit/worker-0/checkpoint").unlink()
    done = run("audit", "verify", "audit", "--key", "log.pub", "-o", "json")
    assert json.loads(done.stdout)["shards"][0]["first_wrong"]["where"] == "checkpoint"
    assert done.exit_code == 1


def test_records_behind_the_checkpoint_are_unproven(run: Run, files: Path) -> None:
    TestLog(LOG.entries, tail=[record(301)]).write(files / "audit/worker-0")
    done = run("audit", "verify", "audit", "--key", "log.pub", "--since", "kept")
    assert done.exit_code == 6
    assert "behind the checkpoint: 1 records: unproven\n" in done.stdout


def test_a_shard_that_is_missing(run: Run, files: Path) -> None:
    (files / "kept").write_bytes(TestLog(records(3, "worker-1"), shard="worker-1").checkpoint())
    done = run("audit", "verify", "audit", "--key", "log.pub", "--since", "kept")
    assert done.exit_code == 1
    assert "missing: 4e6f1c1a/worker-1" in done.stdout


def test_one_of_many(run: Run, files: Path) -> None:
    assert run("audit", "verify", "audit", "--key", "log.pub", "--shard", "worker-0").exit_code == 6
    done = run("audit", "verify", "audit", "--key", "log.pub", "--shard", "worker-1")
    assert done.exit_code == 2
    assert "there are worker-0" in done.stderr


@pytest.mark.parametrize("option", ["--key", "--since", "--witness-policy"])
def test_files_that_are_not_in_their_format(run: Run, files: Path, option: str) -> None:
    (files / "bad").write_text("bad\n")
    done = run("audit", "verify", "audit", "--key", "log.pub", option, "bad")
    assert done.exit_code == 2
    assert "AUDIT_FORMAT_INVALID" in done.stderr


def test_other_usage(run: Run, files: Path) -> None:
    assert run("audit", "verify", "nowhere", "--key", "log.pub").exit_code == 2
    assert run("audit", "verify", "audit").exit_code == 2
    assert run("audit", "verify", "audit", "--key", "nowhere").exit_code == 2
    assert run("audit", "verify", ".", "--key", "log.pub").exit_code == 2
    assert run("audit", "verify", "audit", "--key", "log.pub", "--witnessed-after", "now").exit_code == 2


def test_what_cannot_be_read_could_not_be_checked(
    run: Run, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(contents: Contents, path: TilePath) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", path.format())

    monkeypatch.setattr(Contents, "read", refused)
    done = run("audit", "verify", "audit", "--key", "log.pub")
    assert done.exit_code == 4
    assert "could not be checked: tile/" in done.stderr


def proof_of(index: int, log: TestLog = LOG) -> bytes:
    hashes = "".join(f"{b64(one)}\n" for one in path(index, log.leaves))
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n".encode() + log.checkpoint()


def verify_proof(run: Run, files: Path, proof: bytes, entry: bytes, *options: str) -> tuple[int, str]:
    (files / "proof").write_bytes(proof)
    (files / "entry").write_bytes(entry)
    done = run("audit", "verify-proof", "proof", "--entry", "entry", "--key", "log.pub", *options)
    return done.exit_code, done.output


def test_a_proof(run: Run, files: Path) -> None:
    assert verify_proof(run, files, proof_of(41), LOG.entries[41] + b"\n") == (
        0,
        "record: worker-0/42\norigin: 4e6f1c1a/worker-0\nsize: 300\n",
    )
    document = json.loads(verify_proof(run, files, proof_of(41), LOG.entries[41], "-o", "json")[1])
    assert document == {"record": "worker-0/42", "origin": LOG.origin, "size": "300"}


def test_a_proof_that_is_none(run: Run, files: Path) -> None:
    for proof, entry in [
        (proof_of(41), LOG.entries[42]),
        (proof_of(41), LOG.entries[41].replace(b"release", b"rel3ase")),
        (proof_of(41).replace(b"index 41", b"index 42"), LOG.entries[41]),
        (
            proof_of(41, TestLog(records(300, changed={7: {"key": "x"}}))),
            LOG.entries[41].replace(b"ann", b"bob"),
        ),
        (proof_of(41)[:-3], LOG.entries[41]),
        (proof_of(41).replace(b"\n300\n", b"\n301\n"), LOG.entries[41]),
    ]:
        code, said = verify_proof(run, files, proof, entry)
        assert (code, "AUDIT_EVIDENCE_INVALID" in said) == (1, True)


def test_a_proof_with_witnesses(run: Run, files: Path) -> None:
    policy = ["--witness-policy", "policy"]
    code, said = verify_proof(run, files, proof_of(41), LOG.entries[41], *policy)
    assert (code, "cosignatures" in said) == (1, True)
    log = TestLog(records(300), signers=[*LOG.signers, WITNESS], now=1_000_000_000)
    code, said = verify_proof(run, files, proof_of(41, log), LOG.entries[41], *policy)
    assert (code, "witnessed: 2001-09-09T01:46:40Z\n" in said) == (0, True)
