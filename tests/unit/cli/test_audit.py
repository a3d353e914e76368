"""`signerctl audit`: options become filters, proofs are verified, exports are whole or not there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status

from signerd.client import audit_requests
from signerd.v1.audit_pb2 import (
    ExportRecordsResponse,
    GetProofResponse,
    ListRecordsResponse,
    TailRecordsResponse,
)
from signerd.v1.resources_pb2 import AuditPosition
from signerd.v1.signer_pb2 import SignResponse
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import NOTE, RECORD, FakeDaemon

GONE = Status(code=15, message="a record is damaged")


def body(sequence: int, **fields: object) -> bytes:
    minute = fields.pop("minute", sequence)
    time = f"2026-01-01T00:{minute:02d}:00.000000Z"
    made = {
        "operation": "sign",
        "outcome": "ok",
        "key": "k",
        "sequence": sequence,
        "shard": "w0",
        "time": time,
    }
    return json.dumps(made | fields).encode()


def part(*sequences: int, **fields: object) -> ExportRecordsResponse:
    return ExportRecordsResponse(
        records=[body(one, **fields) for one in sequences],
        position=AuditPosition(shard="w0", sequence=sequences[-1]),
        last_sequence=9,
    )


def test_options_become_the_filter(run: Run, daemon: FakeDaemon) -> None:
    result = run(
        *(
            "audit",
            "list",
            "--since",
            "2026-01-31T12:00:00+01:00",
            "--until",
            "1h",
            "--key",
            "keys/a/b/versions/3",
        ),
        *("--caller", "unix:x", "--operation", "sign", "--outcome", "failed", "--reason", "R"),
        *("--digest", "SHA256:AB", "--request-id", "r", "--shard", "w0"),
    )
    assert result.exit_code == 0
    wanted = daemon.asked["ListRecords"][0].filter
    assert wanted.since.ToDatetime(UTC) == datetime(2026, 1, 31, 11, tzinfo=UTC)
    ago = datetime.now(UTC) - wanted.until.ToDatetime(UTC)
    assert timedelta(minutes=59) < ago < timedelta(minutes=61)
    assert (wanted.key, wanted.version, wanted.caller, wanted.operation) == ("a/b", 3, "unix:x", "sign")
    assert (wanted.outcome, wanted.reason, wanted.digest) == ("failed", "R", "sha256:ab")
    assert (wanted.request_id, wanted.shard) == ("r", "w0")


@pytest.mark.parametrize("time", ["yesterday", "2026-13-01", "5x", "", "-1h", "99999999999d"])
def test_times_that_are_none(run: Run, daemon: FakeDaemon, time: str) -> None:
    assert (run("audit", "list", "--since", time).exit_code, daemon.asked) == (2, {})


def test_a_proof_is_verified_before_it_is_written(run: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    keys = tmp_path / "log.pub"
    keys.write_text("instance/w0+00000000+AQID\n")
    assert run("audit", "prove", "w0/7", "--key", str(keys)).exit_code == 2
    shown = run("audit", "prove", "w0/7", "--record", str(tmp_path / "r.json"))
    assert (shown.exit_code, shown.stdout) == (0, "c2sp.org/tlog-proof@v1\n")
    assert (tmp_path / "r.json").read_text() == RECORD.json
    assert daemon.asked["GetProof"][0].position == AuditPosition(shard="w0", sequence=7)


def test_a_proof_that_does_not_verify_is_not_written(run: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    from signerd.audit.notes import vkey

    (tmp_path / "log.pub").write_text(vkey("instance/w0", bytes(32)) + "\n")
    daemon.script["GetProof"].append(
        GetProofResponse(proof="c2sp.org/tlog-proof@v1\nindex 0\n\n" + NOTE, record=RECORD)
    )
    result = run("audit", "prove", "w0/7", "--key", str(tmp_path / "log.pub"))
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_signature_without_its_proof_is_written(run: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    proof, digest = tmp_path / "p", "sha256:" + "00" * 32
    command = ("sign", "--key", "k", "--digest", digest, "--raw", "--proof", str(proof))
    where = AuditPosition(shard="w0", sequence=7)
    daemon.script["Sign"].append(SignResponse(signature=b"s", audit=where, proof_problem="no key"))
    result = run(*command)
    assert (result.exit_code, result.stdout, proof.exists()) == (6, "s", False)
    assert "signerctl audit prove w0/7" in result.stderr
    daemon.script["Sign"].append(SignResponse(signature=b"s", audit=where, proof="proof\n"))
    assert run(*command).exit_code == 0
    assert proof.read_text() == "proof\n"
    assert daemon.asked["Sign"][1].want_proof


def test_checkpoints_and_keys(run: Run, daemon: FakeDaemon) -> None:
    assert run("audit", "keys").stdout == "instance/w0+abcd+AQID\ninstance/w0+bcde+AQIE\n"
    assert run("audit", "checkpoint", "w0").stdout == NOTE
    assert "w0     7" in run("audit", "checkpoint", "--fresh").stdout
    assert [one.fresh for one in daemon.asked["GetCheckpoint"]] == [False, True]
    assert run("audit", "rotate-key", "--lost").exit_code == 0
    assert daemon.asked["RotateLogKey"][0].lost


def test_an_export_goes_on_behind_what_it_has(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_requests, "MOST_PAUSE", 0.0)
    daemon.script["ExportRecords"].extend([[part(1, 2), Status(code=14)], [part(3)]])
    result = run("audit", "export")
    assert (result.exit_code, result.stdout.encode()) == (0, b"".join(body(one) + b"\n" for one in (1, 2, 3)))
    assert [list(one.after) for one in daemon.asked["ExportRecords"]] == [
        [],
        [AuditPosition(shard="w0", sequence=2)],
    ]


def test_an_export_that_fails_leaves_no_file_and_goes_on_later(
    run: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    command = ("audit", "export", "--format", "csv", "--output", str(path))
    daemon.script["ExportRecords"].extend([[part(1, 2), GONE], [part(3)]])
    failed = run(*command)
    assert (failed.exit_code, path.exists()) == (4, False)
    with (tmp_path / "out.partial").open("ab") as file:
        file.write(b"torn")
    assert run(*command).exit_code == 0
    lines = path.read_text().splitlines()
    assert [line.split(",")[2] for line in lines] == ["sequence", "1", "2", "3"]
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert daemon.asked["ExportRecords"][1].after[0].sequence == 2


def test_another_export_begins_anew(run: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    path = str(tmp_path / "out")
    daemon.script["ExportRecords"].extend([[part(1, 2), GONE], [part(3)]])
    run("audit", "export", "--output", path)
    assert run("audit", "export", "--output", path, "--key", "other").exit_code == 0
    assert list(daemon.asked["ExportRecords"][1].after) == []
    assert Path(path).read_bytes() == body(3) + b"\n"


def test_a_report_counts_and_shows_silences(run: Run, daemon: FakeDaemon) -> None:
    refused = {"outcome": "refused", "reason": "KEY_NOT_FOUND", "operation": "verify"}
    parts = [part(1, 2), part(3, minute=30, **refused)]
    daemon.script["ExportRecords"].extend([parts, parts, parts])
    shown = json.loads(run("audit", "report", "-o", "json").stdout)
    assert (shown["records"], shown["counts"]["outcome"]) == ("3", {"ok": 2, "refused": 1})
    assert shown["counts"]["reason"] == {"KEY_NOT_FOUND": 1}
    assert [one["from"][14:16] + one["to"][14:16] for one in shown["silences"]] == ["0230"]
    assert shown["checkpoints"][0]["records"] == "7"
    filtered = json.loads(run("audit", "report", "--outcome", "ok", "-o", "json").stdout)
    assert filtered["silences"] == []
    text = run("audit", "report").stdout
    assert "by operation" in text
    assert "KEY_NOT_FOUND" in text


@pytest.mark.parametrize(("form", "shown"), [("json", RECORD.json), ("table", "w0/7"), ("yaml", "v: 1")])
def test_tail_writes_each_record(run: Run, daemon: FakeDaemon, form: str, shown: str) -> None:
    daemon.script["TailRecords"].append(
        [TailRecordsResponse(records=[RECORD]), Status(code=7, message="enough")]
    )
    result = run("audit", "tail", "--after", "w0/6", "-o", form)
    assert result.exit_code == 3
    assert shown in result.stdout
    assert daemon.asked["TailRecords"][0].after[0].sequence == 6


def test_lists_ask_for_page_after_page(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["ListRecords"].append(ListRecordsResponse(records=[], next_page_token="t"))
    assert "w0/7" in run("audit", "list").stdout
    assert [one.page_token for one in daemon.asked["ListRecords"]] == ["", "t"]
