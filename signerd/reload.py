"""SIGHUP: reads the config file again, takes over what a running daemon can, and says what it can't."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import structlog

from signerd.config import Config
from signerd.config_changes import Changes, changes, reloaded
from signerd.config_file import ConfigInvalid, contents_of, read
from signerd.errors import SignerdError
from signerd.logs import Threshold
from signerd.process import notify


class Reloaded(NamedTuple):
    """What became of a reload: the configuration to go on with, and what goes on record; never a value."""

    config: Config
    outcome: str
    detail: str
    reason: str = ""


class Reload:
    """Gives the configuration to go on with; never raises, since a running daemon outlives a bad file."""

    def __init__(self, source: Path | None, env: Mapping[str, str], threshold: Threshold) -> None:
        self.source = source
        self._env = env
        self._threshold = threshold
        self._log = structlog.get_logger()

    def __call__(self, old: Config) -> Reloaded:
        """The old configuration with whatever the file changes and can be changed now."""
        notify("RELOADING=1")
        done = self._reloaded(old)
        notify("READY=1")
        return done

    def _reloaded(self, old: Config) -> Reloaded:
        if self.source is None:
            self._log.info("nothing to reload: there is no config file")
            return Reloaded(old, "ok", "there is no config file")
        raw = b""
        try:
            raw = contents_of(self.source)
            new = read(raw, str(self.source), self.source.absolute().parent, self._env)
        except SignerdError as error:
            self._log.error("config not reloaded", error=error.message)
            return Reloaded(old, "failed", f"{_hash(raw)}: {_where(error)}", error.reason.name)
        different = changes(old, new)
        self._threshold.set(new.log.level)
        self._log.info("config reloaded", changed=different.reloadable)
        if different.needs_restart:
            self._log.warning("some changes need a restart", fields=different.needs_restart)
        return Reloaded(reloaded(old, new), "ok", f"{_hash(raw)}: {_told(different)}")


def _hash(raw: bytes) -> str:
    return f"file sha256:{hashlib.sha256(raw).hexdigest()}" if raw else "file not read"


def _where(error: SignerdError) -> str:
    """The settings at fault: what stands in them, a message might tell."""
    problems = error.problems if isinstance(error, ConfigInvalid) else ()
    return f"problems with {', '.join(problem.path or 'the file' for problem in problems) or error.field}"


def _told(different: Changes) -> str:
    now, later = ", ".join(different.reloadable), ", ".join(different.needs_restart)
    return f"changed now: {now or 'nothing'}; waits for a restart: {later or 'nothing'}"
