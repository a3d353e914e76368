"""Secrets go both ways between signerd and the real cosign."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.core.public_keys import pem
from signerd.providers.k8s_secret.provider import K8sSecretProvider
from tests.integration.providers.k8s_secret.conftest import Namespace, order
from tests.support.servers.kubernetes import ADMIN
from tools import install_tools

BLOB = b"some bytes"
FLAGS = {
    "cosign-v2": (["--tlog-upload=false"], []),
    "cosign-v3": (
        ["--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false"],
        ["--new-bundle-format=false"],
    ),
}


@dataclass
class Cosign:
    name: str
    program: str
    folder: Path
    kubeconfig: Path

    def run(self, *arguments: str) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            "COSIGN_PASSWORD": "correct horse",
        }
        done = subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    def verify(self, key: str, signature: bytes) -> None:
        (self.folder / "blob").write_bytes(BLOB)
        (self.folder / "signature").write_bytes(base64.b64encode(signature))
        flags = ["--insecure-ignore-tlog=true", *FLAGS[self.name][1]]
        self.run("verify-blob", "--key", key, "--signature", "signature", *flags, "blob")

    def sign(self, key: str) -> None:
        (self.folder / "blob").write_bytes(BLOB)
        flags = ["--yes", *FLAGS[self.name][0], "--output-signature", "signature"]
        self.run("sign-blob", "--key", key, *flags, "blob")


@pytest.fixture(params=["cosign-v2", "cosign-v3"])
def cosign(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Namespace], Cosign]:
    name = request.param
    if not install_tools.installed(name):
        pytest.skip(f"no {name}: python -m tools.install_tools {name}")
    program = str(install_tools.program(name))
    return lambda namespace: Cosign(
        name, program, tmp_path, namespace.server.kubeconfig(ADMIN, f"cosign-{namespace.name}")
    )


async def test_a_secret_of_cosign_is_adopted(
    cosign: Callable[[Namespace], Cosign], provider: K8sSecretProvider, namespace: Namespace
) -> None:
    client = cosign(namespace)
    reference = f"k8s://{namespace.name}/mine"
    client.run("generate-key-pair", reference)
    uri = namespace.uri("mine")
    before = namespace.get(uri)
    assert before["immutable"] is True
    (material,) = await provider.find(uri)
    signature = await provider.sign(uri, DEFAULT, prepare(DEFAULT, Message(BLOB)))
    (client.folder / "material.pub").write_text(pem(material.public_key))
    for key in (reference, "material.pub"):
        client.verify(key, signature)
    assert namespace.get(uri) == before


async def test_cosign_signs_with_a_secret_of_ours(
    cosign: Callable[[Namespace], Cosign], provider: K8sSecretProvider, namespace: Namespace
) -> None:
    client = cosign(namespace)
    material = await provider.create(order())
    reference = material.uri.replace("k8s-secret://", "k8s://")
    client.sign(reference)
    signature = base64.b64decode((client.folder / "signature").read_bytes())
    client.verify(reference, signature)
    client.verify(reference, await provider.sign(material.uri, DEFAULT, prepare(DEFAULT, Message(BLOB))))
