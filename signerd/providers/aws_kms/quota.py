"""The account's quota of signatures, kept before AWS has to refuse: pure, the clock is an argument."""

from __future__ import annotations

_EPSILON = 1e-9  # seconds: what is lost in floating point must not refuse a token that is there


class TokenBucket:
    """Lets `rate` signatures a second pass, and at most one second's worth at once.

    It begins empty, `now` in seconds of a steady clock: a process that is started again and again gets no more.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._interval = 1 / rate
        self._most = max(1.0, rate) * self._interval
        self._empty_at = now
        """When the bucket ran empty, or would have: a token has come for every interval since."""

    def set_rate(self, rate: float, now: float) -> None:
        """Fill it faster or slower from now on; the tokens that are there stay, as far as they find room."""
        tokens = (now - max(self._empty_at, now - self._most)) / self._interval
        self._interval = 1 / rate
        self._most = max(1.0, rate) * self._interval
        self._empty_at = now - min(tokens * self._interval, self._most)

    def take(self, now: float) -> float:
        """Take a token, `now` in seconds of a steady clock: 0 if there was one, else the seconds until there is."""
        start = max(self._empty_at, now - self._most)
        wait = start + self._interval - now
        if wait > _EPSILON:
            return wait
        self._empty_at = start + self._interval
        return 0.0
