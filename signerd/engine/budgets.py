"""How many records an identity may cause: a token bucket for each. Pure; times in seconds, from any clock."""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_IDENTITIES: Final = 4096
SWEEP: Final = 1.0
"""Seconds between two looks for buckets that are full again, while all places are taken."""
OTHERS: Final = ""


class Rate(NamedTuple):
    """Records per second, and how many at once."""

    per_second: float
    burst: float


class Bucket:
    """What is left of a budget at a time."""

    __slots__ = ("at", "level")

    def __init__(self, level: float, at: float) -> None:
        self.level = level
        self.at = at


class Budgets:
    """A bucket for each identity. When all places are taken, newcomers share one: nobody gets a fresh one that way."""

    def __init__(self, rate: Rate, most: int = MOST_IDENTITIES) -> None:
        self._rate, self._burst = rate
        self._most = most
        self._swept = 0.0
        self._buckets: dict[str, Bucket] = {}

    def take(self, identity: str, count: int, now: float) -> float:
        """Take so many records out of a budget: 0.0, or the seconds until there are so many; then none is taken."""
        bucket = self._buckets.get(identity) or self._added(identity, now)
        level = min(self._burst, bucket.level + (now - bucket.at) * self._rate)
        bucket.at = now
        if level < count:
            bucket.level = level
            return (count - level) / self._rate
        bucket.level = level - count
        return 0.0

    def _added(self, identity: str, now: float) -> Bucket:
        if len(self._buckets) >= self._most:
            self._sweep(now)
            if len(self._buckets) >= self._most:
                identity = OTHERS
        return self._buckets.setdefault(identity, Bucket(self._burst, now))

    def _sweep(self, now: float) -> None:
        """Forget who has not used anything: a full bucket is what a newcomer gets too."""
        if now - self._swept < SWEEP:
            return
        self._swept = now
        for identity, bucket in list(self._buckets.items()):
            if bucket.level + (now - bucket.at) * self._rate >= self._burst:
                del self._buckets[identity]
