"""Key files and signatures go both ways between signerd and the real cosign."""

import base64
import os
import subprocess
from pathlib import Path

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT, algorithm_named
from signerd.core.inputs import Message, prepare
from signerd.core.private_keys import from_pkcs8, generate, read, to_pkcs8
from signerd.core.public_keys import pem, spki
from signerd.core.signatures import signer

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"
OFFLINE = {"v2": ["--tlog-upload=false"], "v3": ["--tlog-upload=false", "--use-signing-config=false"]}
PLAIN = {"v2": [], "v3": ["--new-bundle-format=false"]}


class Cosign:
    def __init__(self, version: str, program: str, folder: Path) -> None:
        self.version, self.program, self.folder = version, program, folder

    def run(self, *arguments: str, password: str = PASSWORD) -> subprocess.CompletedProcess[bytes]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COSIGN_PASSWORD": password}
        return subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def verify(self, blob: str) -> subprocess.CompletedProcess[bytes]:
        return self.run(
            "verify-blob",
            "--key",
            "key.pub",
            "--signature",
            "sig",
            "--insecure-ignore-tlog=true",
            *PLAIN[self.version],
            blob,
        )


@pytest.fixture(params=["v2", "v3"])
def cosign(request: pytest.FixtureRequest, tmp_path: Path) -> Cosign:
    name = f"SIGNERD_TEST_COSIGN_{request.param.upper()}"
    program = os.environ.get(name, str(ROOT / ".cache" / "tools" / f"cosign-{request.param}" / "cosign"))
    if not Path(program).exists():
        pytest.skip(f"no cosign {request.param}: set {name} or put it at {program}")
    return Cosign(request.param, program, tmp_path)


def test_a_key_of_cosign_signs_here(cosign: Cosign) -> None:
    assert cosign.run("generate-key-pair").returncode == 0
    algorithm, pkcs8 = read((cosign.folder / "cosign.key").read_bytes(), PASSWORD.encode())
    assert algorithm is DEFAULT
    private_key, _ = from_pkcs8(pkcs8)
    assert pem(spki(private_key.public_key())) == (cosign.folder / "cosign.pub").read_text()
    signature = signer(private_key, DEFAULT)(prepare(DEFAULT, Message(b"some bytes")))
    (cosign.folder / "key.pub").write_bytes((cosign.folder / "cosign.pub").read_bytes())
    (cosign.folder / "sig").write_bytes(base64.b64encode(signature))
    (cosign.folder / "blob").write_bytes(b"some bytes")
    done = cosign.verify("blob")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "rsa-pkcs1-2048-sha256"])
def test_cosign_reads_our_key_files_and_signs_with_them(cosign: Cosign, name: str) -> None:
    private_key = generate(algorithm_named(name))
    (cosign.folder / "ours.key").write_bytes(cosign_keys.encrypt(to_pkcs8(private_key), PASSWORD.encode()))
    told = cosign.run("public-key", "--key", "ours.key")
    assert told.stdout.decode().strip() == pem(spki(private_key.public_key())).strip(), told.stderr
    assert cosign.run("public-key", "--key", "ours.key", password="wrong").returncode != 0
    (cosign.folder / "blob").write_bytes(b"some bytes")
    (cosign.folder / "key.pub").write_text(pem(spki(private_key.public_key())))
    flags = [*OFFLINE[cosign.version], *PLAIN[cosign.version]]
    done = cosign.run("sign-blob", "--yes", "--key", "ours.key", "--output-signature", "sig", *flags, "blob")
    assert done.returncode == 0, done.stderr
    assert cosign.verify("blob").returncode == 0


@pytest.mark.parametrize("name", ["ecdsa-p256-sha256", "rsa-pkcs1-2048-sha256", "rsa-pkcs1-3072-sha256"])
def test_cosign_accepts_our_signatures_and_no_others(cosign: Cosign, name: str) -> None:
    algorithm = algorithm_named(name)
    private_key = generate(algorithm)
    signature = signer(private_key, algorithm)(prepare(algorithm, Message(b"some bytes")))
    (cosign.folder / "key.pub").write_text(pem(spki(private_key.public_key())))
    (cosign.folder / "sig").write_bytes(base64.b64encode(signature))
    (cosign.folder / "good").write_bytes(b"some bytes")
    (cosign.folder / "bad").write_bytes(b"some bytez")
    done = cosign.verify("good")
    assert done.returncode == 0, done.stderr
    assert cosign.verify("bad").returncode != 0
