"""Key files pass the suite."""

import hashlib
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from signerd.core import cosign_keys
from signerd.providers import registry
from signerd.providers.base import Setup
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject

PASSWORD = b"correct horse battery staple"


@pytest.fixture(scope="class", autouse=True)
def fast() -> Iterator[None]:
    """Scrypt is tested with cosign's format; here it would only take time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            cosign_keys, "_derived", lambda password, salt, n: hashlib.sha256(password + salt).digest()
        )
        yield


@pytest.fixture(scope="class")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    section = SimpleNamespace(directory=tmp_path_factory.mktemp("local") / "keys")
    setup = Setup("local", section, {"password": lambda: PASSWORD})
    return Subject(
        type_name="local",
        open=lambda: registry.build("local", setup),
        unknown_uri="local:nobody/1-x.key",
        secrets=[PASSWORD],
    )


class TestLocal(ProviderConformance):
    pass
