"""Checks all keys again and again, a little at a time: providers have quotas that signatures need."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter_ns

import structlog

from signerd.authz.identity import DAEMON
from signerd.engine.checking import Checker
from signerd.engine.recorder import Facts
from signerd.errors import SignerdError

LONGEST_PAUSE = 1.0
"""Seconds between two versions, where the interval leaves so much."""
FIRST = (0.05, 0.15)
NEXT = (0.9, 1.1)
"""Parts of the interval after which all are looked at: soon after the start, and not all replicas at once."""
logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class CheckSchedule:
    """Runs the checker every `interval` seconds, spread over half of that."""

    checker: Checker
    interval: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> None:
        """Check until cancelled."""
        part = FIRST
        while True:
            await self.sleep(self.interval * random.uniform(*part))  # noqa: S311 - no secret
            part = NEXT
            try:
                await self.check_all()
            except SignerdError as error:
                logger.warning("keys could not be checked", error=error.message)

    async def check_all(self) -> None:
        """Check every version once; raises AUDIT_UNAVAILABLE."""
        checker, started = self.checker, perf_counter_ns()
        checker.recorder.check()
        wanted = checker.checkable()
        pause = min(LONGEST_PAUSE, self.interval / 2 / max(1, len(wanted)))
        for key, version in wanted:
            known = (key.name, version.number) in checker.failing
            finding = await checker.examine(DAEMON, key, version)
            if not finding.ok and not known:
                logger.error(
                    "key check failed", key=finding.key, version=finding.version, error=finding.message
                )
            if finding.ok and known:
                logger.info("key check passes again", key=finding.key, version=finding.version)
            await self.sleep(pause)
        await checker.recorder.append(DAEMON, (Facts("check-keys"),), started)
