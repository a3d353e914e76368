"""`signerctl verify`."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa

from signerd.attestation.envelopes import Envelope, EnvelopeSignature, serialize_envelope
from signerd.attestation.pae import pae
from signerd.cli.files import LARGE
from signerd.cli.inputs import MOST
from signerd.core.public_keys import spki
from signerd.errors import Reason
from signerd.v1.signer_pb2 import PublicKeyResponse, PublicKeyVersion
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import FakeDaemon, status_of

RAW = bytes.fromhex("3006020101020102")
LINE = "verified: keys/release/versions/1, ecdsa-p256-sha256\n"


@pytest.fixture(autouse=True)
def files(directory: Path) -> None:
    (directory / "artifact.bin").write_bytes(b"hello")
    (directory / "raw.sig").write_bytes(RAW)
    (directory / "text.sig").write_bytes(
        base64.b64encode(RAW)[:6] + b"\n" + base64.b64encode(RAW)[6:] + b"\r\n"
    )


def put_envelope(directory: Path, payload: bytes = b"payload", count: int = 2) -> None:
    signatures = tuple(EnvelopeSignature(b"sig%d" % number) for number in range(count))
    (directory / "e.json").write_bytes(serialize_envelope(Envelope("a/b", payload, signatures)))


@pytest.mark.parametrize("name", ["raw.sig", "text.sig"])
def test_signatures_are_read_raw_or_base64(run: Run, daemon: FakeDaemon, name: str) -> None:
    result = run("verify", "--key", "release", "--signature", name, "artifact.bin")
    assert (result.exit_code, result.stdout) == (0, LINE)
    [request] = daemon.asked["Verify"]
    assert (request.signature, request.message, request.encoding) == (RAW, b"hello", 1)


def test_stdin_digest_and_payload_type(run: Run, daemon: FakeDaemon) -> None:
    arguments = ("verify", "--key", "release", "--signature", "raw.sig", "--encoding", "p1363")
    assert run(*arguments, "-", stdin=b"hello").exit_code == 0
    assert run(*arguments, "--digest", "sha256:" + "ab" * 32).exit_code == 0
    assert run(*arguments, "--payload-type", "a/b", "artifact.bin").exit_code == 0
    message, digest, dsse = daemon.asked["Verify"]
    assert (message.message, message.encoding) == (b"hello", 2)
    assert digest.digest.value == b"\xab" * 32
    assert (dsse.dsse.payload_type, dsse.dsse.payload) == ("a/b", b"hello")


def test_a_wrong_signature_is_exit_code_1(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["Verify"].append(status_of(Reason.SIGNATURE_MISMATCH))
    result = run("verify", "--key", "release", "--signature", "raw.sig", "artifact.bin")
    assert (result.exit_code, result.stdout) == (1, "")


def test_any_signature_of_an_envelope_is_enough(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    put_envelope(directory)
    daemon.script["Verify"].append(status_of(Reason.SIGNATURE_MISMATCH))
    result = run("verify", "--key", "release", "--envelope", "e.json", "--output-payload", "payload")
    assert (result.exit_code, result.stdout) == (0, LINE)
    assert (directory / "payload").read_bytes() == b"payload"
    assert [request.signature for request in daemon.asked["Verify"]] == [b"sig0", b"sig1"]


def test_no_payload_is_written_unless_it_verifies(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    put_envelope(directory)
    daemon.script["Verify"].extend(
        [status_of(Reason.SIGNATURE_MISMATCH), status_of(Reason.SIGNATURE_MALFORMED)]
    )
    result = run("verify", "--key", "release", "--envelope", "e.json", "--output-payload", "payload")
    assert result.exit_code == 1
    assert "2 tried" in result.stderr
    assert not (directory / "payload").exists()


def test_what_could_not_be_checked_is_not_a_wrong_signature(
    run: Run, daemon: FakeDaemon, directory: Path
) -> None:
    put_envelope(directory)
    daemon.script["Verify"].extend([status_of(Reason.SIGNATURE_MISMATCH), status_of(Reason.INTERNAL)])
    assert run("verify", "--key", "release", "--envelope", "e.json").exit_code == 4


def test_a_broken_envelope_is_an_invalid_argument(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    (directory / "e.json").write_bytes(b"{}")
    result = run("verify", "--key", "release", "--envelope", "e.json")
    assert result.exit_code == 2
    assert not daemon.asked


@pytest.mark.parametrize("kind", ["", "a/b"])
def test_large_files_are_hashed_here(run: Run, daemon: FakeDaemon, directory: Path, kind: str) -> None:
    data = bytes(LARGE + 1)
    (directory / "big.bin").write_bytes(data)
    options = ["--payload-type", kind] if kind else []
    assert run("verify", "--key", "release", "--signature", "raw.sig", *options, "big.bin").exit_code == 0
    expected = hashlib.sha256(pae(kind, data) if kind else data).digest()
    assert daemon.asked["Verify"][0].digest.value == expected


def ml_dsa_versions(*keys: mldsa.MLDSA44PrivateKey) -> PublicKeyResponse:
    return PublicKeyResponse(
        versions=[
            PublicKeyVersion(
                key_version=f"keys/release/versions/{number}",
                algorithm="ml-dsa-44",
                der=spki(key.public_key()),
            )
            for number, key in reversed(list(enumerate(keys, 1)))
        ]
    )


@pytest.mark.parametrize("kind", ["", "a/b"])
def test_large_files_of_ml_dsa_are_hashed_here_for_each_version(
    run: Run, daemon: FakeDaemon, directory: Path, kind: str
) -> None:
    data = bytes(LARGE + 1)
    (directory / "big.bin").write_bytes(data)
    older, newer = mldsa.MLDSA44PrivateKey.generate(), mldsa.MLDSA44PrivateKey.generate()
    daemon.script["PublicKey"].extend([ml_dsa_versions(newer), ml_dsa_versions(older, newer)])
    daemon.script["Verify"].append(status_of(Reason.SIGNATURE_MISMATCH))
    options = ["--payload-type", kind] if kind else []
    result = run("verify", "--key", "release", "--signature", "raw.sig", *options, "big.bin")
    assert (result.exit_code, result.stdout) == (0, LINE)
    first, second = daemon.asked["Verify"]
    assert (first.version, second.version) == (2, 1)
    assert [one.all for one in daemon.asked["PublicKey"]] == [False, True]
    for key, request in ((newer, first), (older, second)):
        key.public_key().verify(key.sign_mu(request.ml_dsa_mu), pae(kind, data) if kind else data)


def test_large_files_of_ml_dsa_and_one_version(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    (directory / "big.bin").write_bytes(bytes(LARGE + 1))
    daemon.script["PublicKey"].append(ml_dsa_versions(mldsa.MLDSA44PrivateKey.generate()))
    daemon.script["Verify"].append(status_of(Reason.SIGNATURE_MISMATCH, "not this one"))
    result = run("verify", "--key", "release", "--version", "1", "--signature", "raw.sig", "big.bin")
    assert (result.exit_code, result.stderr[:19]) == (1, "error: not this one")
    assert [(one.version, one.all) for one in daemon.asked["PublicKey"]] == [(1, False)]
    assert daemon.asked["Verify"][0].version == 1


def test_no_version_of_ml_dsa_verifies(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    (directory / "big.bin").write_bytes(bytes(LARGE + 1))
    keys = mldsa.MLDSA44PrivateKey.generate(), mldsa.MLDSA44PrivateKey.generate()
    daemon.script["PublicKey"].extend([ml_dsa_versions(*keys)] * 2)
    daemon.script["Verify"].extend([status_of(Reason.SIGNATURE_MISMATCH)] * 2)
    result = run("verify", "--key", "release", "--signature", "raw.sig", "big.bin")
    assert result.exit_code == 1
    assert "any of 2 versions" in result.stderr


PURE = PublicKeyResponse(
    versions=[PublicKeyVersion(key_version="keys/release/versions/1", algorithm="ed25519")]
)


def test_large_files_of_message_algorithms_are_sent(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    (directory / "big.bin").write_bytes(bytes(LARGE + 1))
    daemon.script["PublicKey"].append(PURE)
    assert run("verify", "--key", "release", "--signature", "raw.sig", "big.bin").exit_code == 0
    assert len(daemon.asked["Verify"][0].message) == LARGE + 1


def test_a_file_that_the_daemon_does_not_take_could_not_be_checked(
    run: Run, daemon: FakeDaemon, directory: Path
) -> None:
    (directory / "big.bin").write_bytes(bytes(LARGE + 1))
    daemon.script["PublicKey"].append(PURE)
    daemon.script["Verify"].append(status_of(Reason.REQUEST_TOO_LARGE, "limits.request is 4"))
    result = run("verify", "--key", "release", "--signature", "raw.sig", "big.bin")
    assert result.exit_code == 4
    assert "since ed25519 needs the whole message: limits.request is 4 [REQUEST_TOO_LARGE]" in result.stderr
    assert "openssl pkeyutl -verify" in result.stderr
    assert "SignStream" not in result.stderr


def test_a_file_that_no_daemon_takes_is_not_read(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    with (directory / "big.bin").open("wb") as sparse:
        sparse.truncate(MOST + 1)
    daemon.script["PublicKey"].append(PURE)
    result = run("-o", "json", "verify", "--key", "release", "--signature", "raw.sig", "big.bin")
    assert result.exit_code == 4
    error = json.loads(result.stderr)["error"]
    assert f"it has {MOST + 1} bytes" in error["message"]
    assert "openssl" in error["remedy"]
    assert not daemon.asked["Verify"]


def test_json(run: Run, daemon: FakeDaemon) -> None:
    result = run("-o", "json", "verify", "--key", "release", "--signature", "raw.sig", "artifact.bin")
    assert json.loads(result.stdout)["key_version"] == "keys/release/versions/1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["artifact.bin"],
        ["--signature", "raw.sig"],
        ["--signature", "raw.sig", "--envelope", "e.json"],
        ["--envelope", "e.json", "artifact.bin"],
        ["--signature", "raw.sig", "--output-payload", "p", "artifact.bin"],
        ["--signature", "raw.sig", "--digest", "sha256:00", "--payload-type", "a/b"],
    ],
)
def test_contradictions_are_usage_errors(run: Run, daemon: FakeDaemon, arguments: list[str]) -> None:
    assert run("verify", "--key", "release", *arguments).exit_code == 2
    assert not daemon.asked
