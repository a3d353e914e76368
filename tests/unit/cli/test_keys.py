"""`signerctl keys`, `public-key`, `audit` and `status`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from google.protobuf.json_format import Parse

from signerd.v1.admin_pb2 import AuditStatus, GetStatusResponse, ProviderStatus
from signerd.v1.audit_pb2 import AuditRecord, GetRecordResponse, ListRecordsResponse
from signerd.v1.keys_pb2 import ListKeysResponse
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import KEY, PUBLIC, RECORD, FakeDaemon

ENCRYPTED = b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"


def test_create_sends_the_options_and_shows_the_key(run: Run, daemon: FakeDaemon) -> None:
    options = ("--algorithm", "ed25519", "--purpose", "jwt", "--provider", "p", "--label", "a=b=c")
    result = run("keys", "create", "release", *options)
    assert result.exit_code == 0
    [request] = daemon.asked["CreateKey"]
    assert (request.name, request.algorithm, request.purpose) == ("release", "ed25519", 2)
    assert (request.provider, dict(request.labels)) == ("p", {"a": "b=c"})
    assert "name       release\n" in result.stdout
    assert "1        active" in result.stdout


def test_a_label_without_value_is_a_usage_error(run: Run, daemon: FakeDaemon) -> None:
    assert run("keys", "create", "release", "--label", "a").exit_code == 2


def test_list_follows_pages(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["ListKeys"].append(ListKeysResponse(keys=[KEY], next_page_token="next"))
    result = run("keys", "list", "-o", "json")
    assert [key["name"] for key in json.loads(result.stdout)["keys"]] == ["release", "release"]
    assert [request.page_token for request in daemon.asked["ListKeys"]] == ["", "next"]


def test_tables_off_a_terminal_are_neither_wrapped_nor_coloured(run: Run, daemon: FakeDaemon) -> None:
    result = run("keys", "list")
    head, row = result.stdout.splitlines()
    assert head.split() == ["NAME", "ALGORITHM", "PURPOSE", "PROVIDER", "PRIMARY", "VERSIONS"]
    assert row.split() == ["release", "ecdsa-p256-sha256", "unspecified", "local", "1", "1"]
    assert "\x1b" not in result.stdout


def test_show_as_yaml(run: Run, daemon: FakeDaemon) -> None:
    shown = yaml.safe_load(run("-o", "yaml", "keys", "show", "release").stdout)
    assert shown["versions"][0]["state"] == "KEY_VERSION_STATE_ACTIVE"


def test_import_takes_the_password_from_a_file(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    (directory / "cosign.key").write_bytes(ENCRYPTED)
    (directory / "password").write_bytes(b" secret \n")
    result = run("keys", "import", "release", "cosign.key", "--password-file", "password")
    assert result.exit_code == 0
    [request] = daemon.asked["ImportKey"]
    assert (request.private_key, request.password) == (ENCRYPTED, b" secret ")
    assert "secret" not in result.output


def test_import_takes_the_password_from_the_environment(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNERD_IMPORT_PASSWORD", "")
    assert run("keys", "import", "release", "-", stdin=ENCRYPTED).exit_code == 0
    assert daemon.asked["ImportKey"][0].password == b""


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_import_opens_what_only_openssl_reads_itself(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, form: PrivateFormat
) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    sealed = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret"))
    monkeypatch.setenv("SIGNERD_IMPORT_PASSWORD", "secret")
    assert run("keys", "import", "release", "-", stdin=sealed).exit_code == 0
    [request] = daemon.asked["ImportKey"]
    assert request.private_key == key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert request.password == b""


@pytest.mark.parametrize(("password", "text"), [("wrong", "does not open"), ("", "give its password")])
def test_import_asks_nobody_with_a_wrong_password(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, password: str, text: str
) -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    monkeypatch.setenv("SIGNERD_IMPORT_PASSWORD", password)
    result = run("keys", "import", "release", "-", stdin=sealed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert not daemon.asked["ImportKey"]


def test_import_of_a_damaged_encrypted_key(run: Run, daemon: FakeDaemon) -> None:
    damaged = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    for password in (b"", b"x"):
        Path("password").write_bytes(password)
        result = run("keys", "import", "release", "-", "--password-file", "password", stdin=damaged)
        assert result.exit_code == 2
        assert not daemon.asked["ImportKey"]


def test_public_key_formats(run: Run, daemon: FakeDaemon) -> None:
    assert run("public-key", "release").stdout == PUBLIC.pem
    assert run("public-key", "release", "--format", "der").stdout_bytes == PUBLIC.der
    assert json.loads(run("public-key", "release", "--format", "jwk").stdout)["kid"] == "abab"
    keys = json.loads(run("public-key", "release", "--all", "--format", "jwks").stdout)["keys"]
    assert [key["kid"] for key in keys] == ["abab", "abab"]
    assert run("public-key", "release", "--all").stdout == PUBLIC.pem * 2
    assert [request.all for request in daemon.asked["PublicKey"]] == [False, False, False, True, True]


@pytest.mark.parametrize(
    "arguments", [["--all", "--version", "1"], ["--all", "--format", "der"], ["--all", "--format", "jwk"]]
)
def test_public_key_contradictions(run: Run, daemon: FakeDaemon, arguments: list[str]) -> None:
    assert run("public-key", "release", *arguments).exit_code == 2


def test_audit_list_stops_at_the_limit(run: Run, daemon: FakeDaemon) -> None:
    page = ListRecordsResponse(records=[RECORD] * 2, next_page_token="more")
    daemon.script["ListRecords"].extend([page, page])
    result = run("audit", "list", "--limit", "3", "--key", "release", "--outcome", "ok", "-o", "json")
    first, second = daemon.asked["ListRecords"]
    assert (first.page_size, first.filter.key, first.filter.outcome) == (3, "release", "ok")
    assert (second.page_size, second.page_token) == (1, "more")
    shown = Parse(result.stdout, ListRecordsResponse())
    assert shown == ListRecordsResponse(records=[RECORD] * 4, next_page_token="more")


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_audit_documents_have_the_names_of_the_proto(run: Run, daemon: FakeDaemon, form: str) -> None:
    record = {
        "position": {"shard": "w0", "sequence": "7"},
        "operation": "sign",
        "outcome": "ok",
        "key_version": "keys/release/versions/1",
        "json": '{"v":1}',
    }
    answer = AuditRecord(key_version="keys/release/versions/1")
    answer.MergeFrom(RECORD)
    daemon.script["ListRecords"].append(ListRecordsResponse(records=[answer]))
    daemon.script["GetRecord"].append(GetRecordResponse(record=answer))
    assert yaml.safe_load(run("audit", "list", "-o", form).stdout) == {"records": [record]}
    assert yaml.safe_load(run("audit", "show", "w0/7", "-o", form).stdout) == record


def test_no_records_are_an_empty_list(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["ListRecords"].append(ListRecordsResponse())
    assert json.loads(run("audit", "list", "-o", "json").stdout) == {"records": []}


def test_audit_table_and_one_record(run: Run, daemon: FakeDaemon) -> None:
    assert "w0/7" in run("audit", "list").stdout
    assert json.loads(run("audit", "show", "w0/7").stdout) == {"v": 1}
    position = daemon.asked["GetRecord"][0].position
    assert (position.shard, position.sequence) == ("w0", 7)


@pytest.mark.parametrize(
    "position",
    [
        "7",
        "w0/",
        "/7",
        "w0/x",
        "w0/-1",
        "w0/9223372036854775808",
        "w0/" + "1" * 5000,
        "w0/\N{SUPERSCRIPT TWO}",
    ],
)
def test_audit_positions_that_are_none(run: Run, daemon: FakeDaemon, position: str) -> None:
    assert run("audit", "show", "--", position).exit_code == 2


def test_status_shows_what_is_wrong_and_says_so_to_scripts(run: Run, daemon: FakeDaemon) -> None:
    sick = ProviderStatus(name="p", type="vault", detail="sealed \x1b[2J")
    answer = GetStatusResponse(
        version="1",
        instance="0123abcd",
        providers=[sick],
        audit=AuditStatus(shard="w0", healthy=True),
        warnings=["take care"],
    )
    daemon.script["GetStatus"].append(answer)
    result = run("status")
    assert result.exit_code == 4
    assert "NOT OK, vault, sealed \N{REPLACEMENT CHARACTER}[2J\n" in result.stdout
    assert "take care" in result.stdout
    assert "0123abcd" in result.stdout


def test_status_of_a_daemon_that_signs(run: Run, daemon: FakeDaemon) -> None:
    assert run("status").exit_code == 0
    assert json.loads(run("status", "-o", "json").stdout)["serving"] is True
