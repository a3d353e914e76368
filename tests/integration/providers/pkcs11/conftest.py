"""A token of SoftHSM for each test, and providers that are closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from signerd.providers.pkcs11.provider import Pkcs11Provider
from tests.support.servers.softhsm import SoftHsm

Open = Callable[..., Pkcs11Provider]


@pytest.fixture
def hsm(tmp_path: Path) -> SoftHsm:
    return SoftHsm(tmp_path)


@pytest_asyncio.fixture
async def opened(hsm: SoftHsm) -> AsyncIterator[Open]:
    """Opens providers on the token."""
    providers: list[Pkcs11Provider] = []

    def open_(*arguments: object, **changes: object) -> Pkcs11Provider:
        providers.append(hsm.open(*arguments, **changes))  # type: ignore[arg-type]
        return providers[-1]

    yield open_
    for provider in providers:
        await provider.close()
