"""Signatures made through a running daemon, verified by programs that know nothing of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.process.daemons import ROOT, Daemon

PSS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
OPENSSL = {
    "ecdsa-p256-sha256": ["dgst", "-sha256"],
    "ecdsa-p384-sha384": ["dgst", "-sha384"],
    "ecdsa-p521-sha512": ["dgst", "-sha512"],
    "rsa-pkcs1-2048-sha256": ["dgst", "-sha256"],
    "rsa-pss-3072-sha256": ["dgst", "-sha256", *PSS],
}
COSIGN = ["ecdsa-p256-sha256", "rsa-pkcs1-2048-sha256"]
PLAIN = {"v2": [], "v3": ["--new-bundle-format=false"]}
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("d")).start()
    (daemon.directory / "data").write_bytes(b"some bytes")
    (daemon.directory / "other").write_bytes(b"some bytez")
    for algorithm in [*OPENSSL, "ed25519"]:
        signed(daemon, algorithm)
    yield daemon
    daemon.end()


def signed(daemon: Daemon, algorithm: str) -> None:
    """Make a key, and write its public key and its signatures of `data`, base64 and raw."""
    with daemon.client() as client:
        client.create_key(algorithm, algorithm=algorithm)
        pem = client.public_key(algorithm).versions[0].pem
    (daemon.directory / f"{algorithm}.pub").write_text(pem)
    done = daemon.ctl("sign", "--key", algorithm, "--output-signature", f"{algorithm}.sig", "data")
    assert done.returncode == 0, done.stderr
    raw = ["--raw", "--output-signature", f"{algorithm}.raw"]
    assert daemon.ctl("sign", "--key", algorithm, *raw, "data").returncode == 0


def run(daemon: Daemon, *command: str) -> subprocess.CompletedProcess[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(daemon.directory),
        "COSIGN_PASSWORD": PASSWORD,
    }
    return subprocess.run(
        command, cwd=daemon.directory, env=environment, capture_output=True, timeout=60, check=False
    )


@pytest.fixture(params=["v2", "v3"])
def cosign(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Version and path of a real cosign."""
    name = f"SIGNERD_TEST_COSIGN_{request.param.upper()}"
    program = os.environ.get(name, str(ROOT / ".cache" / "tools" / f"cosign-{request.param}" / "cosign"))
    if not Path(program).exists():
        pytest.skip(f"no cosign {request.param}: set {name} or put it at {program}")
    return request.param, program


def verified(daemon: Daemon, cosign: tuple[str, str], key: str, signature: str, blob: str) -> bool:
    version, program = cosign
    command = [program, "verify-blob", "--key", key, "--signature", signature]
    done = run(daemon, *command, "--insecure-ignore-tlog=true", *PLAIN[version], blob)
    return done.returncode == 0


@pytest.mark.parametrize("algorithm", COSIGN)
def test_cosign_verifies(daemon: Daemon, cosign: tuple[str, str], algorithm: str) -> None:
    assert verified(daemon, cosign, f"{algorithm}.pub", f"{algorithm}.sig", "data")
    assert not verified(daemon, cosign, f"{algorithm}.pub", f"{algorithm}.sig", "other")


def test_a_key_of_cosign_is_imported_and_signs(daemon: Daemon, cosign: tuple[str, str]) -> None:
    version, program = cosign
    assert run(daemon, program, "generate-key-pair", "--output-key-prefix", version).returncode == 0
    private = (daemon.directory / f"{version}.key").read_bytes()
    with daemon.client() as client:
        client.import_key(f"imported-{version}", private, password=PASSWORD.encode())
        assert client.public_key(f"imported-{version}").versions[0].pem.strip() == (
            (daemon.directory / f"{version}.pub").read_text().strip()
        )
    output = ["--output-signature", f"{version}.sig"]
    assert daemon.ctl("sign", "--key", f"imported-{version}", *output, "data").returncode == 0
    assert verified(daemon, cosign, f"{version}.pub", f"{version}.sig", "data")
    assert not verified(daemon, cosign, f"{version}.pub", f"{version}.sig", "other")


@pytest.mark.parametrize("algorithm", OPENSSL)
def test_openssl_verifies(daemon: Daemon, algorithm: str) -> None:
    files = ["-verify", f"{algorithm}.pub", "-signature", f"{algorithm}.raw"]
    assert run(daemon, "openssl", *OPENSSL[algorithm], *files, "data").returncode == 0
    assert run(daemon, "openssl", *OPENSSL[algorithm], *files, "other").returncode == 1


def test_openssl_verifies_ed25519(daemon: Daemon) -> None:
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "ed25519.pub", "-rawin"]
    assert run(daemon, *command, "-sigfile", "ed25519.raw", "-in", "data").returncode == 0
    assert run(daemon, *command, "-sigfile", "ed25519.raw", "-in", "other").returncode == 1
