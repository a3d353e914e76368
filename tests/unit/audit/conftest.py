from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.audit.samples import FaultyDisk, ShardFiles


@pytest.fixture
def shard(tmp_path: Path) -> ShardFiles:
    return ShardFiles(tmp_path)


@pytest.fixture
def faulty() -> FaultyDisk:
    return FaultyDisk()
