"""The engine, fresh for each test; its database is copied from one that was migrated once."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from signerd.core import cosign_keys
from signerd.state.location import SqliteLocation
from signerd.state.migration import ensure_schema
from tests.support.daemons import short_home
from tests.unit.engine.parts import Engine, opened


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engine") / "template.db"
    ensure_schema(SqliteLocation(path))
    return path


@pytest.fixture
def home() -> Iterator[Path]:
    with short_home() as made:
        yield made


@pytest.fixture
def location(template: Path, home: Path) -> SqliteLocation:
    return SqliteLocation(Path(shutil.copy(template, home / "state.db")))


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrypt is tested with cosign's format; here it would only take time."""
    monkeypatch.setattr(
        cosign_keys, "_derived", lambda password, salt, n: hashlib.sha256(password + salt).digest()
    )


@pytest.fixture
async def engine(
    location: SqliteLocation, home: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    async with opened(location, home, monkeypatch) as engine:
        yield engine
