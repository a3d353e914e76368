"""Clusters and credentials: what is refused, and what does not show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from signerd.connections.kubernetes import Access, KubernetesApi
from signerd.errors import Reason, SignerdError
from tests.unit.connections.api_server import TOKEN, api, kubeconfig, server, write

__all__ = ["api", "kubeconfig", "server"]


@pytest.mark.parametrize(
    ("cluster", "text"),
    [
        ({"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}, "insecure-skip-tls-verify"),
        ({"server": "http://kubernetes.example:80"}, "is not encrypted"),
        ({"server": "http://10.0.0.1"}, "is not encrypted"),
        ({"server": "ftp://example"}, "is not encrypted"),
        ({}, "has no server"),
    ],
)
def test_unsafe_clusters_are_refused(tmp_path: Path, cluster: dict[str, Any], text: str) -> None:
    with pytest.raises(SignerdError, match=text) as error:
        KubernetesApi(Access(write(tmp_path, cluster)), seconds=5, connections=1)
    assert error.value.reason is Reason.CONFIG_INVALID
    assert TOKEN not in error.value.message


@pytest.mark.parametrize("text", [None, "", "a: [", "[]", "users: 5", "\0", "current-context: x"])
def test_damaged_kubeconfigs_are_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SignerdError, match="kubeconfig") as error:
        KubernetesApi(Access(path), seconds=5, connections=1)
    assert (error.value.reason, error.value.field) == (Reason.CONFIG_INVALID, "kubeconfig")


def test_a_context_that_is_not_there(kubeconfig: Path) -> None:
    with pytest.raises(SignerdError, match="'other'"):
        KubernetesApi(Access(kubeconfig, "other"), seconds=5, connections=1)


def test_outside_of_a_pod_a_kubeconfig_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(SignerdError, match="no pod with a service account") as error:
        KubernetesApi(Access(), seconds=5, connections=1)
    assert error.value.reason is Reason.CONFIG_INVALID


def test_no_token_shows(api: KubernetesApi) -> None:
    assert TOKEN not in repr(api) + repr(vars(api))


def test_the_client_is_not_loaded_before_it_is_used() -> None:
    code = (
        "import sys, signerd.providers.k8s_secret.provider;"
        "print('kubernetes' in sys.modules, 'urllib3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
