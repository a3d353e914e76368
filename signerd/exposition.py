"""Metrics of several workers as one exposition: counters and histograms summed, gauges kept apart. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_SUMMED = frozenset({"counter", "histogram", "summary"})


class _Families(Collector):
    """What generate_latest wants to see."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def join(expositions: Mapping[int, bytes]) -> bytes:
    """One exposition (text format 0.0.4) of those of the workers, by worker number."""
    families: dict[str, Metric] = {}
    for worker, text in sorted(expositions.items()):
        for family in text_string_to_metric_families(text.decode()):
            if family.name not in families:
                families[family.name] = Metric(family.name, family.documentation, family.type)
            _add(families[family.name], family.samples, worker)
    return generate_latest(_Families(families.values()))


def _add(into: Metric, samples: Iterable[Sample], worker: int) -> None:
    if into.type not in _SUMMED:
        into.samples += [
            sample._replace(labels={**sample.labels, "worker": str(worker)}) for sample in samples
        ]
        return
    places = {_series(sample): place for place, sample in enumerate(into.samples)}
    for sample in samples:
        place = places.get(_series(sample))
        if place is None:
            into.samples.append(sample)
        else:
            known = into.samples[place]
            into.samples[place] = known._replace(value=known.value + sample.value)


def _series(sample: Sample) -> tuple[str, frozenset[tuple[str, str]]]:
    return sample.name, frozenset(sample.labels.items())
