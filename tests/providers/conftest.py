"""RSA keys are made once for all providers here: making them is OpenSSL's business, and takes seconds."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import pytest

from signerd.core import private_keys
from signerd.core.algorithms import Family
from tests.support.loops import TimedLoop


@pytest.fixture(scope="package", autouse=True)
def few_rsa_keys() -> Iterator[None]:
    made = cache(private_keys._GENERATE[Family.RSA_PKCS1])
    with pytest.MonkeyPatch.context() as patch:
        for family in (Family.RSA_PKCS1, Family.RSA_PSS):
            patch.setitem(private_keys._GENERATE, family, made)
        yield


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """On the daemon's event loop: its transports are not asyncio's."""
    return {"uvloop": TimedLoop}
