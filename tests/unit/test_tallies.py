from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import HistogramMetricFamily

from signerd.tallies import Distribution, Distributions, Tally

BOUNDS = (0.1, 1, 10)


def shown(family: HistogramMetricFamily) -> dict[tuple[str, str], float]:
    return {
        (sample.name.rpartition("_")[2], sample.labels.get("le", "")): sample.value
        for sample in family.samples
    }


@given(st.lists(st.floats(0, 100)))
def test_a_distribution_counts_every_value_once_and_cumulates(values: list[float]) -> None:
    distribution, family = Distribution(BOUNDS), HistogramMetricFamily("n", "h")
    for value in values:
        distribution.observe(value)
    distribution.add_to(family)

    found = shown(family)
    for at, bound in enumerate(BOUNDS):
        assert found["bucket", str(float(bound))] == sum(bisect_left(BOUNDS, value) <= at for value in values)
    assert found["bucket", "+Inf"] == found["count", ""] == len(values)
    assert found["sum", ""] == sum(values)


def test_a_bound_belongs_to_what_is_below_it() -> None:
    distribution, family = Distribution(BOUNDS), HistogramMetricFamily("n", "h")
    distribution.observe(1)
    distribution.add_to(family)

    assert shown(family)["bucket", "1.0"] == 1


def test_distributions_are_kept_by_label() -> None:
    distributions = Distributions(BOUNDS)
    distributions["sign"].observe(0.5)
    distributions["sign"].observe(0.5)

    (count,) = [
        sample for sample in distributions.family("n", "h", "operation").samples if sample.name == "n_count"
    ]
    assert (count.labels, count.value) == ({"operation": "sign"}, 2)


def test_a_tally_is_shown_by_its_labels() -> None:
    tally = Tally()
    tally["a", "b"] += 3

    (sample,) = tally.family("n_total", "h", ("x", "y")).samples
    assert (sample.name, sample.labels, sample.value) == ("n_total", {"x": "a", "y": "b"}, 3)
