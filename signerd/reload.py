"""SIGHUP: reads the config file again, takes over what a running daemon can, and says what it can't."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from signerd.config import Config
from signerd.config_changes import changes, reloaded
from signerd.config_file import load
from signerd.errors import SignerdError
from signerd.logs import Threshold
from signerd.process import notify


class Reload:
    """Gives the configuration to go on with; never raises, since a running daemon outlives a bad file."""

    def __init__(self, source: Path | None, env: Mapping[str, str], threshold: Threshold) -> None:
        self.source = source
        self._env = env
        self._threshold = threshold
        self._log = structlog.get_logger()

    def __call__(self, old: Config) -> Config:
        """The old configuration with whatever the file changes and can be changed now."""
        notify("RELOADING=1")
        config = self._reloaded(old)
        notify("READY=1")
        return config

    def _reloaded(self, old: Config) -> Config:
        if self.source is None:
            self._log.info("nothing to reload: there is no config file")
            return old
        try:
            new = load(self.source, self._env)
        except SignerdError as error:
            self._log.error("config not reloaded", error=error.message)
            return old
        different = changes(old, new)
        self._threshold.set(new.log.level)
        self._log.info("config reloaded", changed=different.reloadable)
        if different.needs_restart:
            self._log.warning("some changes need a restart", fields=different.needs_restart)
        return reloaded(old, new)
