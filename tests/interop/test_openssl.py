"""openssl verifies what we sign, and reads the keys we write."""

import shutil
import subprocess
from pathlib import Path

import pytest

from signerd.core.algorithms import Algorithm, algorithm_named
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import generate
from signerd.core.public_keys import pem, spki
from signerd.core.signatures import signer

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
PSS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]


def signed(folder: Path, algorithm: Algorithm, data: bytes) -> None:
    key = generate(algorithm)
    (folder / "data").write_bytes(data)
    (folder / "key.pub").write_text(pem(spki(key.public_key())))
    (folder / "sig").write_bytes(signer(key, algorithm)(prepare(algorithm, Message(data))))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ecdsa-p256-sha256", ["-sha256"]),
        ("ecdsa-p384-sha384", ["-sha384"]),
        ("ecdsa-p521-sha512", ["-sha512"]),
        ("rsa-pkcs1-2048-sha256", ["-sha256"]),
        ("rsa-pss-2048-sha256", ["-sha256", *PSS]),
        ("rsa-pss-3072-sha256", ["-sha256", *PSS]),
    ],
)
def test_dgst_verifies(tmp_path: Path, name: str, options: list[str]) -> None:
    signed(tmp_path, algorithm_named(name), b"some bytes")
    command = ["openssl", "dgst", *options, "-verify", "key.pub", "-signature", "sig", "data"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "data").write_bytes(b"some bytez")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_pkeyutl_verifies_ed25519(tmp_path: Path) -> None:
    signed(tmp_path, algorithm_named("ed25519"), b"some bytes")
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pub",
        "-rawin",
        "-in",
        "data",
        "-sigfile",
        "sig",
    ]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "data").write_bytes(b"some bytez")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1
