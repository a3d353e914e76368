"""A worker that dies between making a Secret and recording it."""

from __future__ import annotations

from pathlib import Path

from signerd.providers.guard import Guarded
from signerd.providers.k8s_secret.provider import K8sSecretProvider
from tests.support.lives import adopted_after_a_crash, destroyed_after_a_crash


async def test_the_next_worker_adopts_it(provider: K8sSecretProvider, tmp_path: Path) -> None:
    await adopted_after_a_crash(Guarded("k8s", "k8s-secret", provider), tmp_path)


async def test_it_is_destroyed_if_the_name_was_taken(provider: K8sSecretProvider, tmp_path: Path) -> None:
    await destroyed_after_a_crash(Guarded("k8s", "k8s-secret", provider), tmp_path)
