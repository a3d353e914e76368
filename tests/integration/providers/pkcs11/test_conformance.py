"""Keys on a PKCS#11 token pass the suite."""

from __future__ import annotations

import pytest

from signerd.providers.pkcs11.provider import Pkcs11Provider
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject
from tests.support.servers.softhsm import LABEL, PIN, SoftHsm


@pytest.fixture(scope="class")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    hsm = SoftHsm(tmp_path_factory.mktemp("hsm"))

    async def opened() -> Pkcs11Provider:
        provider = hsm.open(call=30.0)
        await provider.held()  # what the token can do is known from here on
        return provider

    token = LABEL.replace(" ", "%20")
    return Subject(
        type_name="pkcs11",
        open=opened,
        unknown_uri=f"pkcs11:token={token};object=nobody",
        secrets=(PIN,),
    )


class TestPkcs11(ProviderConformance):
    pass
