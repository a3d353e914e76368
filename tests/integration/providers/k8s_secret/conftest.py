"""A real API server for the whole session, and namespaces with exactly the role that the documentation names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from signerd.config_providers import K8sSecretProvider as Section
from signerd.providers.base import Setup
from signerd.providers.k8s_secret import K8sSecretProvider, build
from tests.support.servers.kubernetes import KubernetesServer, missing

PAGE = Path(__file__).parents[4] / "docs" / "providers" / "k8s-secret.md"


def role() -> str:
    """The Role and RoleBinding of the provider's page."""
    permissions = PAGE.read_text().partition("## Least permissions")[2].partition("\n## ")[0]
    found = re.search(r"```yaml\n(.*?)```", permissions, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesServer]:
    if why := missing():
        pytest.skip(why)
    with KubernetesServer(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


_numbers = count(1)


@pytest.fixture(scope="session")
def new_namespace(server: KubernetesServer) -> Callable[[], str]:
    return lambda: server.namespace(f"keys-{next(_numbers)}", role())


@pytest.fixture(scope="session")
def opened(server: KubernetesServer) -> Callable[[str], K8sSecretProvider]:
    """Build a provider for a namespace, as signerd's service account."""
    kubeconfig = server.kubeconfig()

    def build_one(namespace: str) -> K8sSecretProvider:
        return build(Setup("k8s", Section(type="k8s-secret", namespace=namespace, kubeconfig=kubeconfig)))

    return build_one
