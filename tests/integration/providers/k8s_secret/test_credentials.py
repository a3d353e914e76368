"""Credentials that are missing, wrong or renewed."""

from __future__ import annotations

from pathlib import Path

import pytest
from kubernetes.config import incluster_config  # where a pod has its files

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason, SignerdError
from tests.integration.providers.k8s_secret.conftest import GIVEN, Namespace, check, order, until
from tests.support.servers.kubernetes import NOBODY, USER, KubernetesServer


@pytest.mark.parametrize("token", [NOBODY, "no-token-at-all"])
async def test_denied(namespace: Namespace, token: str, caplog: pytest.LogCaptureFixture) -> None:
    provider = namespace.provider(kubeconfig=namespace.server.kubeconfig(token, "denied"))
    try:
        for call in (
            provider.create(order()),
            provider.held(),
            provider.sign(namespace.uri("x"), DEFAULT, GIVEN),
        ):
            with pytest.raises(SignerdError) as error:
                await call
            assert error.value.reason is Reason.PROVIDER_DENIED
        await until(lambda: "can't be listed" in provider.health().detail)
        assert not provider.health().healthy
        assert token not in caplog.text
    finally:
        await provider.close()


async def test_another_namespace_is_out_of_reach(namespace: Namespace) -> None:
    provider = namespace.provider()
    try:
        with pytest.raises(SignerdError, match="not in namespace") as error:
            await provider.find("k8s-secret://kube-system/x")
        assert error.value.reason is Reason.KEY_URI_INVALID
    finally:
        await provider.close()
    outside = namespace.server.namespace(f"{namespace.name}-outside")
    provider = namespace.provider(namespace=outside)
    try:
        with pytest.raises(SignerdError) as error:
            await provider.held()
        assert error.value.reason is Reason.PROVIDER_DENIED
    finally:
        await provider.close()


async def test_a_renewed_token_is_read_again(namespace: Namespace) -> None:
    kubeconfig = namespace.server.kubeconfig("expired", "renewed")
    provider = namespace.provider(kubeconfig=kubeconfig)
    try:
        await until(lambda: "can't be listed" in provider.health().detail)
        kubeconfig.with_name("renewed.token").write_text(USER)
        check(made := await provider.create(order()), await provider.sign(made.uri, DEFAULT, GIVEN))
        await until(lambda: provider.health().healthy)
    finally:
        await provider.close()


async def test_a_pod_uses_its_service_account(
    namespace: Namespace, server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("expired")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(server.ca))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    provider = namespace.provider(kubeconfig=None)
    try:
        with pytest.raises(SignerdError) as error:
            await provider.held()
        assert error.value.reason is Reason.PROVIDER_DENIED
        token.write_text(USER)  # Kubernetes renews it before it expires; here it is read at the first refusal
        assert await provider.held() == []
    finally:
        await provider.close()


async def test_a_server_with_another_certificate_gets_no_token(namespace: Namespace, tmp_path: Path) -> None:
    text = namespace.kubeconfig.read_text().splitlines()
    other = tmp_path / "kubeconfig"
    other.write_text("\n".join(line for line in text if "certificate-authority-data" not in line))
    provider = namespace.provider(kubeconfig=other)
    try:
        with pytest.raises(SignerdError) as error:
            await provider.held()
        assert error.value.reason is Reason.PROVIDER_UNAVAILABLE
    finally:
        await provider.close()
