"""What tests of adoption share: a key with a history at its provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from signerd.core.algorithms import algorithm_named
from signerd.providers.base import Material, Order
from signerd.v1 import keys_pb2
from signerd.v1 import resources_pb2 as resources
from tests.unit.engine.parts import ANN, Engine, imported

URI = "memory:vault/release"
ACTIVE, VERIFY_ONLY, DISABLED = (
    resources.KEY_VERSION_STATE_ACTIVE,
    resources.KEY_VERSION_STATE_VERIFY_ONLY,
    resources.KEY_VERSION_STATE_DISABLED,
)
History = Callable[..., None]


async def adopt(engine: Engine, name: str = "release", caller: Any = ANN, **fields: Any) -> Any:
    fields = {"uri": URI, "provider": "far", **fields}
    return await engine.call("Keys/AdoptKey", keys_pb2.AdoptKeyRequest(name=name, **fields), caller)


async def material(engine: Engine, tag: str = "a", kind: str = "", **changes: Any) -> Material:
    """Key material at `far` that no key of signerd uses; `kind` is the algorithm it is made for."""
    row = algorithm_named(kind)
    secret = imported(row.family.value, row.size, ord(tag))
    made = await engine.far.create(Order("others", 1, row, tag, secret))
    return replace(made, tags={}, **changes)


@pytest.fixture
def history(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> History:
    """Let `far` have these versions at URI, oldest first."""

    def put(*versions: Material) -> None:
        async def find(uri: str) -> list[Material]:
            if uri == URI:
                return list(versions)
            return await type(engine.far).find(engine.far, uri)

        monkeypatch.setattr(engine.far, "find", find)

    return put


def numbers_and_states(key: resources.Key) -> list[tuple[int, int]]:
    return [(version.version, version.state) for version in key.versions]
