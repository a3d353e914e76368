"""Servers that the Vault provider is tested against: always the fake, and a real OpenBao where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from signerd.config_providers import VaultProvider as Section
from signerd.providers.base import Setup
from signerd.providers.vault import VaultProvider
from tests.support.servers.vault import FakeVault
from tests.support.servers.vault_bao import OpenBao, binary

BAO = binary()
SERVERS = ["fake", *(["openbao"] if BAO else [])]
"""A real one is not fetched by anything here, so its tests are there or not, but never skipped."""

Server = FakeVault | OpenBao
Opened = Callable[..., VaultProvider]


def section(server: Server, **settings: Any) -> Section:
    given = {"type": "vault-transit", "address": server.address, **settings}
    if "method" not in given:
        given["token"] = {"env": "VAULT_TOKEN"}
    return Section.model_validate(given)


def setup(server: Server, secrets: dict[str, Callable[[], bytes]] | None = None, **settings: Any) -> Setup:
    token = {"token": server.token.encode}
    return Setup("vault", section(server, **settings), token if secrets is None else secrets)


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeVault]:
    with FakeVault(tmp_path_factory.mktemp("vault")) as server:
        yield server


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    assert BAO is not None
    with OpenBao(BAO, tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture
def fake(fakes: FakeVault) -> Iterator[FakeVault]:
    """The fake, well-behaved at the start of each test."""
    fakes.mend()
    yield fakes
    fakes.mend()


@pytest.fixture(scope="session", params=SERVERS)
def any_server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.getfixturevalue("fakes" if request.param == "fake" else "bao")
    return server
