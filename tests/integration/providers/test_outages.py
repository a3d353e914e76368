"""The server of a provider goes away and comes back under a daemon that signs: local keys notice nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.providers.k8s_secret.conftest import role
from tests.support.daemons import Daemon, serving, short_home
from tests.support.outages import TYPED, Load, listings, signatures
from tests.support.servers import aws, gcp, kubernetes, vault, vault_bao

LOST = "KEY_MATERIAL_UNREADABLE"


@dataclass
class Rig:
    """A provider's section, how its server goes and comes back, and what becomes of keys there meanwhile.

    `signs_on`: a key that was opened needs no server. `forgets`: the server comes back without keys. `starting`: what
    it says besides before it is ready.
    """

    section: dict[str, Any]
    away: Callable[[], object]
    back: Callable[[], object]
    signs_on: bool = False
    forgets: bool = False
    starting: frozenset[str] = frozenset()


Rigged = Callable[[Path], AbstractContextManager[Rig]]


@contextmanager
def k8s_secret(directory: Path) -> Iterator[Rig]:
    if why := kubernetes.missing():
        pytest.skip(why)
    with kubernetes.KubernetesServer(directory) as server:
        namespace = server.namespace("keys", role())
        section = {"type": "k8s-secret", "namespace": namespace, "kubeconfig": str(server.kubeconfig())}
        not_read_yet = frozenset({"PROVIDER_DENIED"})  # roles are objects as well
        yield Rig(section, server.kill_api, server.start_api, signs_on=True, starting=not_read_yet)


@contextmanager
def aws_kms(directory: Path) -> Iterator[Rig]:
    with aws.moto() as server:
        section = {"type": "aws-kms", "region": aws.REGION, "endpoint": server.endpoint}
        yield Rig(section, server.kill, server.start, forgets=True)


@contextmanager
def gcp_kms(directory: Path) -> Iterator[Rig]:
    with gcp.GcpServer(directory) as server:
        given = {"key_ring": gcp.RING, "endpoint": server.endpoint, "insecure_plaintext": True}
        yield Rig({"type": "gcp-kms", **given}, server.kill, server.start)


@contextmanager
def vault_transit(directory: Path) -> Iterator[Rig]:
    with vault.FakeVault(directory) as server:
        yield Rig(transit(server, directory), server.kill, server.start)


@contextmanager
def openbao_restarted(directory: Path) -> Iterator[Rig]:
    with vault_bao.OpenBao(vault_bao.binary() or "", directory) as server:
        yield Rig(transit(server, directory), server.kill, server.start)


@contextmanager
def openbao_sealed(directory: Path) -> Iterator[Rig]:
    with vault_bao.OpenBao(vault_bao.binary() or "", directory) as server:
        yield Rig(transit(server, directory), server.seal, server.unseal)


def transit(server: vault.FakeVault | vault_bao.OpenBao, directory: Path) -> dict[str, Any]:
    token = directory / "token"
    token.write_text(server.token)
    token.chmod(0o600)
    return {"type": "vault-transit", "address": server.address, "token": {"file": str(token)}}


RIGS: list[Rigged] = [k8s_secret, aws_kms, gcp_kms, vault_transit]
if vault_bao.binary():
    RIGS += [openbao_restarted, openbao_sealed]


@pytest.fixture(params=RIGS, ids=lambda one: one.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    for name, value in aws.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    rigged: Rigged = request.param
    with rigged(tmp_path) as made:
        yield made


def config(rig: Rig, home: Path) -> str:
    (home / "password").write_text("p")
    (home / "password").chmod(0o600)
    local = {"type": "local", "directory": str(home / "keys"), "password_file": str(home / "password")}
    return yaml.safe_dump(
        {"providers": {"near": local, "far": {**rig.section, "call": 2.0}}, "default_provider": "near"}
    )


async def made(daemon: Daemon, key: str) -> Load:
    """Signatures with a key that is made as soon as the provider lets it."""
    making = Load(lambda _: daemon.add_key(key, provider="far"), at_once=1)
    await making.some("ok", 1)
    await making.end()
    return Load(await signatures(daemon, key), at_once=16)


async def outage(rig: Rig, far: Load, listed: Load, near: Load) -> None:
    """The server goes in the middle of signatures, and comes back."""
    await far.some("ok")
    await asyncio.to_thread(rig.away)
    await listed.failures()
    await (far.some("ok") if rig.signs_on else far.failures())
    await near.some("ok")
    await asyncio.to_thread(rig.back)
    await listed.some("ok", 1)
    await far.some(LOST if rig.forgets else "ok")


async def test_local_keys_are_never_disturbed(rig: Rig) -> None:
    with short_home() as home:
        async with serving(home, config(rig, home)) as daemon:
            await daemon.add_key("near", provider="near")
            near = Load(await signatures(daemon, "near"), at_once=8)
            listed = Load(listings(daemon, "far"), at_once=2)
            far = [await made(daemon, "far")]
            await outage(rig, far[-1], listed, near)
            if rig.forgets:
                far.append(await made(daemon, "far-again"))
            await outage(rig, far[-1], listed, near)
            for load in (near, listed, *far):
                await load.end()
    assert set(near.outcomes) == {"ok"}
    assert set(listed.outcomes) <= {"ok", *TYPED, *rig.starting}
    allowed = set() if rig.signs_on else TYPED | ({LOST} if rig.forgets else set())
    assert set().union(*(load.outcomes for load in far)) <= {"ok", *allowed}
