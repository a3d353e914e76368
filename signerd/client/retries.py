"""When a call is made again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from signerd.codes import Code
from signerd.errors import SignerdError


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential pauses with jitter, in seconds; `attempts` counts the first call too."""

    first: float = 0.1
    factor: float = 2.0
    most: float = 2.0
    attempts: int = 6

    def pause(
        self,
        error: SignerdError,
        attempt: int,
        left: float,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> float | None:
        """Seconds to wait before call number `attempt` + 1; None where the error stands.

        `left` is the time to the deadline: a pause that reaches it is none. What the daemon asks for (RetryInfo)
        is the least to wait.
        """
        if attempt >= self.attempts or not can_repeat(error):
            return None
        most = min(self.most, self.first * self.factor ** (attempt - 1))
        pause = (error.retry_after or 0.0) + jitter(most / 2, most)
        return pause if pause < left else None


def can_repeat(error: SignerdError) -> bool:
    """Whether the same request may be answered next time: UNAVAILABLE, or overload that says how long it lasts."""
    if error.code is Code.RESOURCE_EXHAUSTED:
        return error.retry_after is not None
    return error.code is Code.UNAVAILABLE
