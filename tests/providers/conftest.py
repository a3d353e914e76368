"""RSA keys are made once for all providers here: making them is OpenSSL's business, and takes seconds."""

from collections.abc import Iterator
from functools import cache

import pytest

from signerd.core import private_keys
from signerd.core.algorithms import Family


@pytest.fixture(scope="package", autouse=True)
def few_rsa_keys() -> Iterator[None]:
    made = cache(private_keys._GENERATE[Family.RSA_PKCS1])
    with pytest.MonkeyPatch.context() as patch:
        for family in (Family.RSA_PKCS1, Family.RSA_PSS):
            patch.setitem(private_keys._GENERATE, family, made)
        yield
