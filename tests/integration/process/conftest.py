"""Daemons that are started for a test and gone after it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.process.daemons import Daemon

NewDaemon = Callable[..., Daemon]


@pytest.fixture
def new_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDaemon]:
    """Makes daemons, not started yet, each in a directory with a short name: socket paths are limited."""
    made: list[Daemon] = []

    def make(config: str = "", directory: Path | None = None, **environment: str) -> Daemon:
        made.append(Daemon(directory or tmp_path_factory.mktemp("d"), config, **environment))
        return made[-1]

    yield make
    for daemon in made:
        daemon.end()


@pytest.fixture
def daemon(new_daemon: NewDaemon) -> Daemon:
    """A daemon that serves, embedded default."""
    return new_daemon().start()


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 1 MiB in memory."""
    directory = tmp_path_factory.mktemp("disk")
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(directory)):
        pytest.skip("mounting a tmpfs is not permitted here")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0
