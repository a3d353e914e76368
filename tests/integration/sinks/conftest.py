"""Daemons and a small disk, as for the tests of processes."""

from __future__ import annotations

from tests.integration.process.conftest import new_daemon, small_disk

__all__ = ["new_daemon", "small_disk"]
