"""What tests of key files share."""

import hashlib
from pathlib import Path

import pytest

from signerd.core import cosign_keys
from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.providers.base import Material, Order
from signerd.providers.local.provider import LocalProvider

GIVEN = prepare(DEFAULT, Message(b"some bytes"))


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt is tested with cosign's format; here it would only take time."""
    monkeypatch.setattr(
        cosign_keys, "_derived", lambda password, salt, n: hashlib.sha256(password + salt).digest()
    )


def opened(directory: Path, password: bytes = b"password") -> LocalProvider:
    return LocalProvider(directory, lambda: password)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


async def made(provider: LocalProvider, tag: str = "t1") -> Material:
    return await provider.create(Order("team-a/release", 1, DEFAULT, tag))
