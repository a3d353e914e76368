"""Keys in Kubernetes Secrets pass the suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject
from tests.integration.providers.k8s_secret.conftest import Namespace
from tests.support.servers.kubernetes import USER


@pytest.fixture(scope="class")
def subject(new_namespace: Callable[[], Namespace]) -> Subject:
    namespace = new_namespace()
    return Subject(
        type_name="k8s-secret",
        open=namespace.provider,
        unknown_uri=namespace.uri("nobody"),
        secrets=(USER,),
        delete_outside=namespace.delete,
    )


class TestK8sSecret(ProviderConformance):
    pass
