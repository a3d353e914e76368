"""A real API server for the whole session, and namespaces with exactly the role that the documentation names."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from signerd.config_providers import K8sSecretProvider as Section
from signerd.core.algorithms import DEFAULT, Algorithm
from signerd.core.inputs import Message, prepare
from signerd.core.public_keys import load_public_key
from signerd.core.signatures import verifier
from signerd.providers.base import Material, Order, Setup
from signerd.providers.k8s_secret.provider import K8sSecretProvider, build
from tests.support.servers.kubernetes import KubernetesServer, missing

PAGE = Path(__file__).parents[4] / "docs" / "providers" / "k8s-secret.md"
GIVEN = prepare(DEFAULT, Message(b"some bytes"))
_numbers = count(1)


def role() -> str:
    """The Role and RoleBinding of the provider's page."""
    permissions = PAGE.read_text().partition("## Least permissions")[2].partition("\n## ")[0]
    found = re.search(r"```yaml\n(.*?)```", permissions, re.DOTALL)
    assert found is not None
    return found[1]


@dataclass
class Namespace:
    """A namespace of the server, seen as its administrator."""

    server: KubernetesServer
    name: str
    kubeconfig: Path

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.name}/secrets"

    def provider(self, **settings: Any) -> K8sSecretProvider:
        """Build a provider for it, as signerd's service account."""
        given: dict[str, Any] = {"namespace": self.name, "kubeconfig": self.kubeconfig} | settings
        return build(Setup("k8s", Section(type="k8s-secret", **given)))

    def uri(self, secret: str) -> str:
        return f"k8s-secret://{self.name}/{secret}"

    def get(self, uri: str) -> dict[str, Any]:
        return self.server.call("GET", f"{self.path}/{uri.rpartition('/')[2]}")

    def put(self, name: str, data: dict[str, bytes], **more: Any) -> str:
        """Make a Secret; gives its URI."""
        encoded = {field: base64.b64encode(value).decode() for field, value in data.items()}
        self.server.call("POST", self.path, {"metadata": {"name": name}, "data": encoded, **more})
        return self.uri(name)

    def put_back(self, secret: dict[str, Any]) -> None:
        """Make a Secret again from what was read of it."""
        kept = {
            field: secret["metadata"][field] for field in ("name", "labels") if field in secret["metadata"]
        }
        annotations = secret["metadata"].get("annotations", {})
        body = {field: secret[field] for field in ("data", "type")}
        self.server.call("POST", self.path, body | {"metadata": kept | {"annotations": annotations}})

    def delete(self, uri: str) -> None:
        self.server.call("DELETE", f"{self.path}/{uri.rpartition('/')[2]}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesServer]:
    if why := missing():
        pytest.skip(why)
    with KubernetesServer(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@pytest.fixture(scope="session")
def new_namespace(server: KubernetesServer) -> Callable[[], Namespace]:
    kubeconfig = server.kubeconfig()
    return lambda: Namespace(server, server.namespace(f"keys-{next(_numbers)}", role()), kubeconfig)


@pytest.fixture
def namespace(new_namespace: Callable[[], Namespace]) -> Namespace:
    return new_namespace()


@pytest_asyncio.fixture
async def provider(namespace: Namespace) -> AsyncIterator[K8sSecretProvider]:
    provider = namespace.provider()
    await until(lambda: provider.health().healthy)
    yield provider
    await provider.close()


def order(tag: str = "t1", key: str = "team-a/release", algorithm: Algorithm = DEFAULT) -> Order:
    return Order(key, 1, algorithm, tag, instance="instance-1")


def check(material: Material, signature: bytes) -> None:
    """The signature of GIVEN holds."""
    verifier(load_public_key(material.public_key, DEFAULT), DEFAULT)(GIVEN, signature)


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.02)
