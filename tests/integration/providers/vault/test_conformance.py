"""The Vault provider passes the suite, against the fake and against a real OpenBao where there is one."""

import pytest

from signerd.providers import registry
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject
from tests.integration.providers.vault.conftest import Server, setup
from tests.support.servers.vault import FakeVault


@pytest.fixture(scope="class")
def subject(any_server: Server) -> Subject:
    if isinstance(any_server, FakeVault):
        any_server.mend()
    return Subject(
        type_name="vault-transit",
        open=lambda: registry.build("vault-transit", setup(any_server)),
        unknown_uri="vault-transit://transit/nobody?version=1",
        secrets=[any_server.token],
    )


class TestVault(ProviderConformance):
    pass
