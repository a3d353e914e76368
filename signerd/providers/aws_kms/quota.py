"""The account's quota of signatures, kept before AWS has to refuse: pure, the clock is an argument."""

from __future__ import annotations

_EPSILON = 1e-9  # seconds: what is lost in floating point must not refuse a token that is there


class TokenBucket:
    """Lets `rate` signatures a second pass, and at most one second's worth at once."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._most = max(1.0, rate) * self._interval
        self._empty_at = float("-inf")
        """When the bucket ran empty, or would have: a token has come for every interval since."""

    def take(self, now: float) -> float:
        """Take a token, `now` in seconds of a steady clock: 0 if there was one, else the seconds until there is."""
        start = max(self._empty_at, now - self._most)
        wait = start + self._interval - now
        if wait > _EPSILON:
            return wait
        self._empty_at = start + self._interval
        return 0.0
