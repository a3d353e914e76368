"""The servers that providers are measured on: each with its section of the configuration and its own client."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.direct import Direct, aws_client, gcp_client, pkcs11_session, vault_client

LATENCY = 0.01
"""Seconds that a server over the network takes to answer."""


@dataclass(frozen=True, slots=True)
class Rig:
    """A running server. `section` configures the provider, `environment` what the daemon needs besides.

    `direct` opens the technology's own client; None: the provider is held against local keys. `delay` sets the
    latency, where the server can have one.
    """

    section: Mapping[str, object]
    direct: Callable[[], Direct] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    delay: Callable[[float], object] = lambda seconds: None


class Missing(Exception):
    """The server is not installed; the message says what is missing."""


@contextmanager
def aws_kms(directory: Path) -> Iterator[Rig]:
    """The small fake of AWS KMS: moto answers some hundred signatures a second at most."""
    from tests.support.servers.aws import ENVIRONMENT, REGION, fake

    with fake(latency=LATENCY) as server:
        section = {
            "type": "aws-kms",
            "region": REGION,
            "endpoint": server.endpoint,
            "signatures_per_second": 100_000,
        }
        yield Rig(section, lambda: aws_client(server.endpoint, REGION, ENVIRONMENT), ENVIRONMENT)


@contextmanager
def gcp_kms(directory: Path) -> Iterator[Rig]:
    """The stand-in for Cloud KMS."""
    from tests.support.servers.gcp import RING, GcpServer

    with GcpServer(directory) as server:
        section = {
            "type": "gcp-kms",
            "key_ring": RING,
            "endpoint": server.endpoint,
            "insecure_plaintext": True,
        }
        server.set(latency=LATENCY)
        yield Rig(
            section,
            lambda: gcp_client(server.endpoint, RING),
            delay=lambda seconds: server.set(latency=seconds),
        )


@contextmanager
def vault_transit(directory: Path) -> Iterator[Rig]:
    """The fake Vault."""
    from tests.support.servers.vault import FakeVault

    with FakeVault(directory) as server:
        section = {"type": "vault-transit", "address": server.address, "token": {"env": "VAULT_TOKEN"}}
        server.set(latency=LATENCY)
        yield Rig(
            section,
            lambda: vault_client(server.address, server.token),
            {"VAULT_TOKEN": server.token},
            lambda seconds: server.set(latency=seconds),
        )


@contextmanager
def pkcs11(directory: Path) -> Iterator[Rig]:
    """A token of SoftHSM, in memory: how fast the disk is does not matter here."""
    from tests.support.servers.softhsm import SoftHsm

    hsm = SoftHsm(directory)
    section = hsm.section().model_dump(mode="json", exclude_none=True)
    environment = {"HSM_PIN": hsm.pin, **hsm.environment}
    os.environ.update(hsm.environment)
    yield Rig(
        {**section, "pin": {"env": "HSM_PIN"}},
        lambda: pkcs11_session(hsm.module, hsm.label, hsm.pin),
        environment,
    )


@contextmanager
def k8s_secret(directory: Path) -> Iterator[Rig]:
    """A real API server."""
    from tests.support.servers import kubernetes

    if why := kubernetes.missing():
        raise Missing(why)
    role = Path("docs/providers/k8s-secret.md").read_text().partition("## Least permissions")[2]
    with kubernetes.KubernetesServer(directory) as server:
        namespace = server.namespace("keys", role.partition("```yaml\n")[2].partition("```")[0])
        yield Rig({"type": "k8s-secret", "namespace": namespace, "kubeconfig": str(server.kubeconfig())})


RIGS: dict[str, Callable[[Path], AbstractContextManager[Rig]]] = {
    "aws-kms": aws_kms,
    "gcp-kms": gcp_kms,
    "vault-transit": vault_transit,
    "pkcs11": pkcs11,
    "k8s-secret": k8s_secret,
}


@contextmanager
def started(name: str, directory: Path) -> Iterator[Rig]:
    """The server of a provider; raises Missing where something is not installed."""
    place = directory / f"{name}-{secrets.token_hex(4)}"
    place.mkdir()
    try:
        rig: Any = RIGS[name](place)
        entered = rig.__enter__()
    except pytest.skip.Exception as skipped:
        raise Missing(str(skipped)) from None
    try:
        yield entered
    finally:
        rig.__exit__(None, None, None)
