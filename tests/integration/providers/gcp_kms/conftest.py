"""One stand-in for Cloud KMS for all tests, mended after each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from signerd.providers.gcp_kms.provider import GcpKmsProvider, build
from tests.support.servers.gcp import GcpServer, setup


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcpServer]:
    with GcpServer(tmp_path_factory.mktemp("gcp")) as server:
        yield server


@pytest.fixture
def server(running: GcpServer) -> Iterator[GcpServer]:
    yield running
    running.mend()


@pytest_asyncio.fixture
async def provider(server: GcpServer) -> AsyncIterator[GcpKmsProvider]:
    provider = build(setup(server.endpoint, call=10.0, create=30.0))
    yield provider
    await provider.close()
