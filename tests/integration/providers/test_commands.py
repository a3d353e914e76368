"""The same commands work on keys of every provider, on those that signerd makes and on those that others made."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from signerd.core.algorithms import DEFAULT
from signerd.core.cosign_keys import encrypt
from signerd.core.private_keys import generate, to_pkcs8
from signerd.core.public_keys import pem, spki
from tests.integration.process.daemons import Daemon
from tests.integration.providers.gcp_kms.keys import Others
from tests.integration.providers.k8s_secret.conftest import role
from tests.support.servers import aws, gcp, kubernetes, vault
from tests.support.servers.softhsm import SoftHsm

ACTIVE, VERIFY_ONLY, DISABLED = (f"KEY_VERSION_STATE_{one}" for one in ("ACTIVE", "VERIFY_ONLY", "DISABLED"))
AWS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


@dataclass
class Rig:
    """A provider's section, a key of others there, and the versions that are to come of it."""

    section: dict[str, Any]
    uri: str
    versions: list[tuple[int, str]]
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def vault_transit(directory: Path) -> Iterator[Rig]:
    with vault.FakeVault(directory) as server:
        server.call("POST", "transit/keys/theirs", type="ecdsa-p256")
        for _ in range(10):
            server.call("POST", "transit/keys/theirs/rotate")
        server.call("POST", "transit/keys/theirs/config", min_decryption_version=8, min_encryption_version=9)
        versions = [(8, DISABLED), (9, VERIFY_ONLY), (10, VERIFY_ONLY), (11, ACTIVE)]
        section = {"type": "vault-transit", "address": server.address, "token": {"env": "VAULT_TOKEN"}}
        yield Rig(section, "vault-transit://transit/theirs", versions, {"VAULT_TOKEN": server.token})


@contextmanager
def gcp_kms(directory: Path) -> Iterator[Rig]:
    with gcp.GcpServer(directory) as server:
        others = Others(server)
        key = asyncio.run(others.make_key("theirs", "EC_SIGN_P256_SHA256"))
        asyncio.run(others.make_version(key))
        section = {
            "type": "gcp-kms",
            "key_ring": gcp.RING,
            "endpoint": server.endpoint,
            "insecure_plaintext": True,
        }
        yield Rig(section, f"gcp-kms://{key}", [(1, VERIFY_ONLY), (2, ACTIVE)])


@contextmanager
def aws_kms(directory: Path) -> Iterator[Rig]:
    with aws.fake() as server:
        client = boto3.client(
            "kms",
            region_name=aws.REGION,
            endpoint_url=server.endpoint,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        made = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        client.create_alias(AliasName="alias/theirs", TargetKeyId=made["KeyId"])
        section = {"type": "aws-kms", "region": aws.REGION, "endpoint": server.endpoint}
        yield Rig(section, f"aws-kms://{aws.REGION}/alias/theirs", [(1, ACTIVE)], AWS)


@contextmanager
def pkcs11(directory: Path) -> Iterator[Rig]:
    hsm = SoftHsm(directory)
    hsm.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "theirs", "--id", "07")
    section = hsm.section().model_dump(mode="json", exclude_none=True)
    uri = f"pkcs11:token={hsm.label.replace(' ', '%20')};object=theirs"
    yield Rig({**section, "pin": {"env": "HSM_PIN"}}, uri, [(1, ACTIVE)], {"HSM_PIN": hsm.pin})


@contextmanager
def k8s_secret(directory: Path) -> Iterator[Rig]:
    if why := kubernetes.missing():
        pytest.skip(why)
    with kubernetes.KubernetesServer(directory) as server:
        namespace = server.namespace("keys", role())
        private_key = generate(DEFAULT)
        secret = {
            "metadata": {"name": "theirs"},
            "immutable": True,
            "type": "Opaque",
            "stringData": {
                "cosign.key": encrypt(to_pkcs8(private_key), b"a password").decode(),
                "cosign.password": "a password",
                "cosign.pub": pem(spki(private_key.public_key())),
            },
        }
        server.call("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
        section = {"type": "k8s-secret", "namespace": namespace, "kubeconfig": str(server.kubeconfig())}
        yield Rig(section, f"k8s-secret://{namespace}/theirs", [(1, ACTIVE)])


@pytest.fixture(scope="module", params=[vault_transit, gcp_kms, aws_kms, pkcs11, k8s_secret])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rigged: Callable[[Path], Any] = request.param
    with rigged(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="module")
def daemon(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    config = yaml.safe_dump({"providers": {"p": rig.section}})
    daemon = Daemon(tmp_path_factory.mktemp("d"), config, **rig.environment)
    try:
        yield daemon.start()
    finally:
        daemon.end()


def document(daemon: Daemon, *arguments: str) -> Any:
    """What a command shows as JSON; it must go well."""
    done = daemon.ctl(*arguments, "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def check_signs(daemon: Daemon, key: str) -> None:
    """Sign a file with a key; signerctl and openssl verify it."""
    (daemon.directory / "artifact").write_bytes(b"some bytes")
    public = daemon.directory / "key.pub"
    public.write_text(daemon.ctl("public-key", key).stdout)
    signed = daemon.ctl("sign", "--key", key, "--raw", "--output-signature", "signature", "artifact")
    assert signed.returncode == 0, signed.stderr
    openssl = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", "signature", "artifact"]
    subprocess.run(openssl, cwd=daemon.directory, capture_output=True, check=True)
    (daemon.directory / "base64").write_text(
        daemon.ctl("sign", "--key", key, "--digest", f"sha256:{'ab' * 32}").stdout
    )
    verified = daemon.ctl("verify", "--key", key, "--signature", "base64", "--digest", f"sha256:{'ab' * 32}")
    assert verified.returncode == 0, verified.stderr


def test_a_key_that_signerd_makes(daemon: Daemon, rig: Rig) -> None:
    made = document(daemon, "keys", "create", "ours")
    assert made["versions"][0]["uri"].startswith(rig.uri.partition(":")[0])
    check_signs(daemon, "ours")
    shown = document(daemon, "providers", "show", "p")
    assert (shown["healthy"], shown["capabilities"]["create"]) == (True, True)
    assert "ecdsa-p256-sha256" in shown["capabilities"]["algorithms"]


def test_a_key_that_others_made(daemon: Daemon, rig: Rig) -> None:
    before = document(daemon, "keys", "discover", "--provider", "p")["keys"]
    assert len(before) == len(rig.versions)
    assert not any(one.get("leftover") or one.get("tags") for one in before)
    adopted = document(daemon, "keys", "adopt", "theirs", "--uri", rig.uri)
    states = [(int(one["version"]), one["state"]) for one in adopted["versions"]]
    assert (states, adopted["provider"]) == (rig.versions, "p")
    assert {one["uri"] for one in adopted["versions"]} == {one["uri"] for one in before}
    check_signs(daemon, "theirs")
    assert "keys" not in document(daemon, "keys", "discover", "--provider", "p")
    again = daemon.ctl("keys", "adopt", "again", "--uri", rig.uri)
    assert (again.returncode, "'theirs'" in again.stderr) == (3, True)


def test_all_keys_pass_the_check(daemon: Daemon, rig: Rig) -> None:
    findings = document(daemon, "keys", "check")["findings"]
    assert {one["key"] for one in findings} == {"ours", "theirs"}
    assert all(one.get("ok") for one in findings)
