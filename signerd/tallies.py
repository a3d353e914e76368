"""Counters and histograms that cost one addition: the client library's take a lock and look labels up each time."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

Labels = tuple[str, ...]


class Tally(Counter[Labels]):
    """Numbers by label values."""

    def family(self, name: str, help_text: str, labels: Sequence[str]) -> CounterMetricFamily:
        """As it stands, under that name."""
        family = CounterMetricFamily(name, help_text, labels=labels)
        for values, number in self.items():
            family.add_metric(values, number)
        return family


class Distribution:
    """How many observed values lie between the bounds, each bound belonging to what is below it."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Show it in a family, with these label values."""
        ends = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        family.add_metric(labels, list(zip(ends, accumulate(self._counts), strict=True)), self._sum)


class Distributions(dict[str, Distribution]):
    """Distributions over the same bounds, by one label's value."""

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__()
        self._bounds = bounds

    def __missing__(self, label: str) -> Distribution:
        found = self[label] = Distribution(self._bounds)
        return found

    def family(self, name: str, help_text: str, label: str) -> HistogramMetricFamily:
        """As they stand, under that name."""
        family = HistogramMetricFamily(name, help_text, labels=[label])
        for value, distribution in self.items():
            distribution.add_to(family, [value])
        return family
