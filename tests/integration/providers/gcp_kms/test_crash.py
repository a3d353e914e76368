"""A worker that dies between making a version at Cloud KMS and recording it."""

from __future__ import annotations

from pathlib import Path

from signerd.providers.gcp_kms.provider import GcpKmsProvider
from signerd.providers.guard import Guarded
from tests.support.lives import adopted_after_a_crash, destroyed_after_a_crash


async def test_the_next_worker_adopts_it(provider: GcpKmsProvider, tmp_path: Path) -> None:
    await adopted_after_a_crash(Guarded("gcp", "gcp-kms", provider), tmp_path)


async def test_it_is_destroyed_if_the_name_was_taken(provider: GcpKmsProvider, tmp_path: Path) -> None:
    await destroyed_after_a_crash(Guarded("gcp", "gcp-kms", provider), tmp_path)
