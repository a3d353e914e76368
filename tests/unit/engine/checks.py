"""What tests of checks share."""

from __future__ import annotations

import pytest

from signerd.engine.checking import Checker
from signerd.providers.base import Change
from tests.unit.engine.parts import Engine


@pytest.fixture
def checker(engine: Engine) -> Checker:
    return engine.worker.parts.checker


def uri_of(engine: Engine, name: str, version: int = 0) -> str:
    return engine.keyring.view.snapshot.keys[name].version(version).uri


async def disable(engine: Engine) -> None:
    await engine.far.change(uri_of(engine, "k"), Change.DISABLE)
