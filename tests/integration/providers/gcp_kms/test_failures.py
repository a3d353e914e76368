"""Errors of the API come out as the small set; what it said is in the log and nowhere else."""

from __future__ import annotations

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Material
from signerd.providers.gcp_kms.provider import GcpKmsProvider, build
from tests.integration.providers.gcp_kms.keys import GIVEN, order, refused
from tests.support.patience import in_the_end
from tests.support.servers.gcp import GcpServer, setup

SAID = "said by the vendor"
CASES = {
    "UNAVAILABLE": Reason.PROVIDER_UNAVAILABLE,
    "DEADLINE_EXCEEDED": Reason.PROVIDER_TIMEOUT,
    "RESOURCE_EXHAUSTED": Reason.PROVIDER_THROTTLED,
    "PERMISSION_DENIED": Reason.PROVIDER_DENIED,
    "UNAUTHENTICATED": Reason.PROVIDER_DENIED,
    "NOT_FOUND": Reason.KEY_MATERIAL_UNREADABLE,
    "INVALID_ARGUMENT": Reason.PROVIDER_REFUSED,
    "OUT_OF_RANGE": Reason.PROVIDER_REFUSED,
    "UNIMPLEMENTED": Reason.PROVIDER_REFUSED,
    "FAILED_PRECONDITION": Reason.PROVIDER_REFUSED,
    "DATA_LOSS": Reason.PROVIDER_INTEGRITY,
    "INTERNAL": Reason.PROVIDER_UNAVAILABLE,
    "UNKNOWN": Reason.PROVIDER_UNAVAILABLE,
    "ABORTED": Reason.PROVIDER_UNAVAILABLE,
    "CANCELLED": Reason.PROVIDER_UNAVAILABLE,
}


async def made(provider: GcpKmsProvider) -> Material:
    held = [one for one in await provider.held() if one.tags.get("tag") == "failing"]
    return held[0] if held else await provider.create(order("failing", 1, "failing"))


@pytest.mark.parametrize("status", CASES)
async def test_every_status_has_its_reason(
    provider: GcpKmsProvider, server: GcpServer, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    material = await made(provider)
    server.fail("AsymmetricSign", status=status, message=f"{SAID} ya29.a0Af-secret\nsecond line", times=1)
    error = await refused(provider.sign(material.uri, DEFAULT, GIVEN), CASES[status])
    assert SAID not in repr(error)
    assert f"{status}: {SAID}" in caplog.text
    assert "a0Af" not in caplog.text
    await provider.sign(material.uri, DEFAULT, GIVEN)


async def test_a_used_up_quota_tells_when_to_come_back(provider: GcpKmsProvider, server: GcpServer) -> None:
    material = await made(provider)
    server.fail("AsymmetricSign", status="RESOURCE_EXHAUSTED", times=1)
    error = await refused(provider.sign(material.uri, DEFAULT, GIVEN), Reason.PROVIDER_THROTTLED)
    assert error.retry_after == 7.0


async def test_what_hangs_is_given_up(provider: GcpKmsProvider, server: GcpServer) -> None:
    material = await made(provider)
    hasty = build(setup(server.endpoint, call=0.5))
    server.fail("AsymmetricSign", hang=60.0)
    await refused(hasty.sign(material.uri, DEFAULT, GIVEN), Reason.PROVIDER_TIMEOUT)
    assert not hasty.health().healthy
    server.mend()
    await in_the_end(lambda: hasty.sign(material.uri, DEFAULT, GIVEN))
    assert hasty.health().healthy
    await hasty.close()


async def test_a_key_that_is_denied_or_pending_does_not_make_the_provider_unhealthy(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    material = await made(provider)
    for status in ("PERMISSION_DENIED", "FAILED_PRECONDITION"):
        server.fail("AsymmetricSign", status=status, message="current state is: PENDING_GENERATION", times=1)
        with pytest.raises(SignerdError):
            await provider.sign(material.uri, DEFAULT, GIVEN)
        assert provider.health().healthy, status


async def test_credentials_that_are_refused_show_in_health(
    provider: GcpKmsProvider, server: GcpServer
) -> None:
    await made(provider)
    server.fail("ListCryptoKeys", status="UNAUTHENTICATED", times=1)
    await refused(provider.held(), Reason.PROVIDER_DENIED)
    assert not provider.health().healthy
    await provider.held()
    assert provider.health().healthy


async def test_a_version_of_another_algorithm_does_not_sign(provider: GcpKmsProvider) -> None:
    material = await made(provider)
    other = next(row for row in provider.capabilities.algorithms if row.name == "ecdsa-p384-sha384")
    given = prepare(other, Message(b"some bytes"))
    await refused(provider.sign(material.uri, other, given), Reason.PROVIDER_REFUSED)
