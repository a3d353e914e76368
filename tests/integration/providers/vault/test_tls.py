"""TLS to the server: its certificate is checked, and ours is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signerd.core.algorithms import DEFAULT
from signerd.errors import Reason
from signerd.providers.vault.provider import VaultProvider
from tests.integration.providers.vault.conftest import GIVEN, check, order, setup
from tests.integration.providers.vault.test_answers import reason
from tests.support.certificates import SERVER, Authority, write_pair
from tests.support.servers.vault import FakeVault


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority()
    (directory / "ca.crt").write_bytes(authority.pem)
    (directory / "other.crt").write_bytes(Authority("other").pem)
    write_pair(directory, authority.issue("vault", SERVER), "server")
    write_pair(directory, authority.issue("signerd"), "client")
    return directory


@pytest.fixture(scope="module")
def secured(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeVault]:
    with FakeVault(tmp_path_factory.mktemp("vault-tls"), tls=files) as server:
        yield server


def settings(files: Path, **changes: str | None) -> dict[str, Any]:
    given = {"ca": "ca.crt", "cert": "client.crt", "key": "client.key", **changes}
    return {name: files / file for name, file in given.items() if file is not None}


async def test_both_sides_show_a_certificate(secured: FakeVault, files: Path) -> None:
    assert secured.address.startswith("https://")
    provider = VaultProvider(setup(secured, **settings(files)))
    try:
        made = await provider.create(order())
        signatures = await asyncio.gather(*(provider.sign(made.uri, DEFAULT, GIVEN) for _ in range(8)))
        for signature in signatures:
            check(made, signature)
    finally:
        await provider.close()


@pytest.mark.parametrize(
    "changes",
    [{"ca": "other.crt"}, {"ca": None}, {"cert": None, "key": None}],
    ids=["other-ca", "no-ca", "no-cert"],
)
async def test_a_server_or_client_that_is_not_trusted(
    secured: FakeVault, files: Path, changes: dict[str, str | None]
) -> None:
    provider = VaultProvider(setup(secured, **settings(files, **changes)))
    try:
        assert (await reason(provider.held())).reason is Reason.PROVIDER_UNAVAILABLE
        provider._tokens.send = _with_some_token  # type: ignore[method-assign]
        call = provider.sign("vault-transit://transit/k?version=1", DEFAULT, GIVEN)
        assert (await reason(call)).reason is Reason.PROVIDER_UNAVAILABLE
    finally:
        await provider.close()


async def _with_some_token(request: Any, *, insist: bool = True) -> Any:
    return await request("s.someToken0000000000000000")
