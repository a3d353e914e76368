"""How long the caller of the request at hand will wait."""

from __future__ import annotations

from typing import Final

from signerd.rpc.calls import CALL

USUAL: Final = 10.0
"""Seconds, where the caller has set no deadline."""
LONGEST: Final = 300.0
MARGIN: Final = 0.2
"""What is kept of the time for the answer: this part of it, at most so many seconds."""


def seconds_left() -> float:
    """Seconds that something may be waited for, so that there is time left for the answer."""
    left: float | None = CALL.get().time_remaining()  # None without a deadline, whatever its stub says
    if left is None:
        return USUAL
    return max(0.0, min(left, LONGEST) - min(MARGIN, left * MARGIN))
