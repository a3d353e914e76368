"""Keys in Kubernetes Secrets pass the suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signerd.providers.k8s_secret import K8sSecretProvider
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject
from tests.support.servers.kubernetes import USER, KubernetesServer


@pytest.fixture(scope="class")
def subject(
    server: KubernetesServer,
    new_namespace: Callable[[], str],
    opened: Callable[[str], K8sSecretProvider],
) -> Subject:
    namespace = new_namespace()

    def delete(uri: str) -> None:
        server.call("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{uri.rpartition('/')[2]}")

    return Subject(
        type_name="k8s-secret",
        open=lambda: opened(namespace),
        unknown_uri=f"k8s-secret://{namespace}/nobody",
        secrets=(USER,),
        delete_outside=delete,
    )


class TestK8sSecret(ProviderConformance):
    pass
