"""The daemon's event loop, for tests: uvloop, whose transports, signals and order of callbacks are not asyncio's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop


class TimedLoop(uvloop.Loop):
    """Ends the test when pytest-timeout says so: uvloop only reports what a signal's handler raises."""

    def run_until_complete(self, future: Any) -> Any:
        running = asyncio.ensure_future(future, loop=self)

        def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            if isinstance(error, pytest.fail.Exception):
                running.cancel(str(error))
            else:
                loop.default_exception_handler(context)

        self.set_exception_handler(report)
        try:
            return super().run_until_complete(running)
        finally:
            self.set_exception_handler(None)
