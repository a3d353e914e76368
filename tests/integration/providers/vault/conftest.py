"""Servers that the Vault provider is tested against: always the fake, and a real OpenBao where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from signerd.config_providers import VaultProvider as Section
from signerd.core.algorithms import DEFAULT, Algorithm
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.providers.base import Material, Order, Setup
from signerd.providers.guard import pinned_version
from signerd.providers.vault.provider import VaultProvider
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
    if "jwt_file" in given:
        given["jwt_file"] = Path(given["jwt_file"])
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
    with OpenBao(BAO, tmp_path_factory.mktemp("openbao"), dev=True) as server:
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


GIVEN = prepare(DEFAULT, Message(b"some bytes"))
_numbers = count(1)


def order(key: str = "team-a/release", version: int = 1, algorithm: Algorithm = DEFAULT) -> Order:
    """An order that was never given before."""
    return Order(key, version, algorithm, f"{uuid4().hex[:12]}{next(_numbers):04x}", None, "0123abcd")


def check(
    made: Material, signature: bytes, algorithm: Algorithm = DEFAULT, given: SigningInput = GIVEN
) -> None:
    """Raise unless the signature is the material's."""
    pinned_version(made.uri, algorithm, made.public_key).verify(given, signature)


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not await reached():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def provider(fake: FakeVault) -> AsyncIterator[VaultProvider]:
    """A provider at the fake, with the root token."""
    made = VaultProvider(setup(fake))
    yield made
    await made.close()
