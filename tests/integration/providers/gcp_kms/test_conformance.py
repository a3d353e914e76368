"""Keys in Cloud KMS pass the suite."""

from __future__ import annotations

import pytest

from signerd.providers.gcp_kms.provider import build
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject
from tests.support.servers.gcp import RING, GcpServer, setup


@pytest.fixture(scope="class")
def subject(running: GcpServer) -> Subject:
    return Subject(
        type_name="gcp-kms",
        open=lambda: build(setup(running.endpoint, call=60.0)),
        unknown_uri=f"gcp-kms://{RING}/cryptoKeys/nobody/cryptoKeyVersions/1",
        key_uri=lambda uri: uri.partition("/cryptoKeyVersions/")[0],
    )


class TestGcpKms(ProviderConformance):
    pass
