"""The fake daemon, one for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from signerd.client import Backoff, Settings, parse_endpoint
from tests.unit.client.fake_daemon import FakeDaemon, running, socket_in

QUICK = Backoff(first=0.001, most=0.002, attempts=4)


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:  # tmp_path is too long for a socket
        yield Path(made)


@pytest.fixture
def daemon(directory: Path) -> Iterator[FakeDaemon]:
    with running(socket_in(directory)) as started:
        yield started


@pytest.fixture
def settings(directory: Path, daemon: FakeDaemon) -> Settings:
    return Settings(endpoint=parse_endpoint(socket_in(directory)))


@pytest.fixture
def quick() -> Backoff:
    return QUICK
