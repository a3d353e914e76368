"""`signerctl sign`."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from signerd.attestation.envelopes import parse_envelope
from signerd.cli.files import LARGE
from signerd.errors import Reason
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import FakeDaemon, status_of

SIGNED = base64.b64encode(b"signed:hello").decode() + "\n"
TYPE = "application/vnd.in-toto+json"


@pytest.fixture
def file(directory: Path) -> Path:
    path = directory / "artifact.bin"
    path.write_bytes(b"hello")
    return path


def test_signature_on_stdout_is_base64(run: Run, daemon: FakeDaemon, file: Path) -> None:
    result = run("sign", "--key", "team-a/release", "--version", "3", str(file))
    assert (result.exit_code, result.stdout, result.stderr) == (0, SIGNED, "")
    [request] = daemon.asked["Sign"]
    assert (request.key, request.version, request.message) == ("team-a/release", 3, b"hello")


def test_raw_is_the_bytes_alone(run: Run, daemon: FakeDaemon, file: Path) -> None:
    assert run("sign", "--key", "release", "--raw", str(file)).stdout_bytes == b"signed:hello"


def test_stdin(run: Run, daemon: FakeDaemon) -> None:
    assert run("sign", "--key", "release", "-", stdin=b"hello").stdout == SIGNED


def test_digest_without_file(run: Run, daemon: FakeDaemon) -> None:
    assert run("sign", "--key", "release", "--digest", "sha256:" + "ab" * 32).exit_code == 0
    assert daemon.asked["Sign"][0].digest.value == b"\xab" * 32


def test_wrong_digest_is_refused_before_it_is_sent(run: Run, daemon: FakeDaemon) -> None:
    result = run("sign", "--key", "release", "--digest", "sha256:abcd")
    assert result.exit_code == 2
    assert "DIGEST_LENGTH" in result.stderr
    assert not daemon.asked


def test_json_is_the_proto_with_its_field_names(run: Run, daemon: FakeDaemon, file: Path) -> None:
    answer = json.loads(run("sign", "--key", "release", "-o", "json", str(file)).stdout)
    assert base64.b64decode(answer["signature"]) == b"signed:hello"
    assert answer["key_version"] == "keys/release/versions/1"
    assert answer["audit"] == {"shard": "w0", "sequence": "7"}  # proto3 JSON: 64-bit integers are text


def test_envelope(run: Run, daemon: FakeDaemon, file: Path) -> None:
    result = run("sign", "--key", "release", "--payload-type", TYPE, "--envelope", str(file))
    envelope = parse_envelope(result.stdout_bytes)
    assert (envelope.payload_type, envelope.payload) == (TYPE, b"hello")
    [signature] = envelope.signatures
    assert (signature.value, signature.keyid) == (b"signed:hello", "SHA256:abc")
    assert daemon.asked["Sign"][0].dsse.payload_type == TYPE


def test_output_file_is_whole_and_says_what_made_it(
    run: Run, daemon: FakeDaemon, file: Path, directory: Path
) -> None:
    result = run("sign", "--key", "release", "--output-signature", "out.sig", str(file))
    assert (directory / "out.sig").read_text() == SIGNED
    assert result.stdout == ""
    assert result.stderr == "signed with keys/release/versions/1, audit record w0/7\n"
    assert sorted(path.name for path in directory.iterdir()) == ["artifact.bin", "d.sock", "out.sig"]


def test_a_refusal_leaves_an_older_output_alone(
    run: Run, daemon: FakeDaemon, file: Path, directory: Path
) -> None:
    (directory / "out.sig").write_text("older")
    daemon.script["Sign"].append(status_of(Reason.CALLER_DENIED))
    assert run("sign", "--key", "release", "--output-signature", "out.sig", str(file)).exit_code == 3
    assert (directory / "out.sig").read_text() == "older"


@pytest.mark.parametrize("arguments", [["big.bin"], ["--payload-type", "a/b", "big.bin"], ["-"]])
def test_large_inputs_go_as_a_stream(
    run: Run, daemon: FakeDaemon, directory: Path, arguments: list[str]
) -> None:
    data = bytes(LARGE + 1)
    (directory / "big.bin").write_bytes(data)
    result = run("sign", "--key", "release", "--raw", *arguments, stdin=data)
    assert result.stdout_bytes == b"%d bytes" % len(data)
    header = daemon.asked["SignStream"][0]
    assert (header.length, header.payload_type) == (len(data), "a/b" if "a/b" in arguments else "")


def test_the_largest_input_of_one_request_is_no_stream(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    (directory / "big.bin").write_bytes(bytes(LARGE))
    assert run("sign", "--key", "release", "--raw", "big.bin").exit_code == 0
    assert not daemon.asked["SignStream"]


def test_the_refusal_of_a_large_file_is_the_daemons(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    # Between limits.payload and limits.request of a daemon, with a key that needs the message whole.
    (directory / "big.bin").write_bytes(bytes(LARGE + 500_000))
    message = "ed25519 needs the whole message in memory: limits.payload is 3145728; use a key with ed25519ph"
    daemon.early = True
    daemon.script["SignStream"].append(status_of(Reason.REQUEST_TOO_LARGE, message, field="header.length"))
    result = run("sign", "--key", "release", "--output-signature", "out.sig", "big.bin")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"error: {message} [REQUEST_TOO_LARGE]\n")
    assert not (directory / "out.sig").exists()
    assert not daemon.asked["Sign"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--digest", "sha256:" + "ab" * 32, "artifact.bin"],
        ["--digest", "sha256:" + "ab" * 32, "--payload-type", "a/b"],
        ["--envelope", "artifact.bin"],
        ["--envelope", "--raw", "--payload-type", "a/b", "artifact.bin"],
        ["--version", "-1", "artifact.bin"],
    ],
)
def test_contradictions_are_usage_errors(
    run: Run, daemon: FakeDaemon, file: Path, arguments: list[str]
) -> None:
    assert run("sign", "--key", "release", *arguments).exit_code == 2
    assert not daemon.asked
