"""A worker that dies between "created at AWS" and "recorded in the state" leaves no orphan."""

from __future__ import annotations

from pathlib import Path

import pytest

from signerd.providers.guard import Guarded
from tests.integration.providers.aws_kms.conftest import Connect
from tests.support.lives import adopted_after_a_crash, destroyed_after_a_crash
from tests.support.servers.aws import AwsServer
from tests.support.servers.aws_fake import FakeKms


@pytest.fixture(params=["moto", "fake"])
def provider(
    request: pytest.FixtureRequest, moto_server: AwsServer, fake: FakeKms, connect: Connect
) -> Guarded:
    endpoint = moto_server.endpoint if request.param == "moto" else fake.endpoint
    return Guarded("kms", "aws-kms", connect(endpoint))


async def test_a_key_that_was_made_is_adopted(provider: Guarded, tmp_path: Path) -> None:
    await adopted_after_a_crash(provider, tmp_path, key=f"adopted/{tmp_path.parent.name}")


async def test_a_key_that_nobody_wants_is_destroyed(provider: Guarded, tmp_path: Path) -> None:
    await destroyed_after_a_crash(provider, tmp_path, key=f"spare/{tmp_path.parent.name}")
