"""Servers of AWS, shared by the tests here, and how a provider gets at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from signerd.config_providers import AwsKmsProvider as Settings
from signerd.providers.aws_kms.provider import AwsKmsProvider, build
from signerd.providers.base import Setup
from tests.support.servers.aws import ENVIRONMENT, REGION, AwsServer, moto
from tests.support.servers.aws_fake import FakeKms

Connect = Callable[..., AwsKmsProvider]


@pytest.fixture(scope="package")
def moto_server() -> Iterator[AwsServer]:
    with moto() as server:
        yield server


@pytest.fixture(scope="package")
def shared_fake() -> Iterator[FakeKms]:
    server = FakeKms(REGION)
    yield server
    server.close()


@pytest.fixture
def fake() -> Iterator[FakeKms]:
    server = FakeKms(REGION)
    yield server
    server.close()


@pytest.fixture(scope="package")
def connect() -> Connect:
    """Builds a provider for an endpoint; settings by name, and how many workers share the quota."""

    def connected(endpoint: str, workers: int = 1, **settings: object) -> AwsKmsProvider:
        given = {"type": "aws-kms", "region": REGION, "endpoint": endpoint, "signatures_per_second": 100_000}
        section = Settings.model_validate({**given, **settings})
        secrets = {name: value.encode for name, value in ENVIRONMENT.items()}
        return build(Setup("kms", section, secrets, workers))

    return connected
