"""What a benchmark found, as a table for people and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: a rate or figure; p50 and p99 are percentiles of the latency in milliseconds, if it has one."""

    value: float
    p50: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """The median of all runs, None where there was none.

    `reference` is what it is held against, `ratio` the median of value / reference.
    """

    name: str
    value: float | None
    unit: str
    reference: float | None = None
    ratio: float | None = None
    p50: float | None = None
    p99: float | None = None
    against: str = ""


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure."""
    p50 = [sample.p50 for sample in samples if sample.p50 is not None]
    p99 = [sample.p99 for sample in samples if sample.p99 is not None]
    return Sample(
        median(sample.value for sample in samples),
        median(p50) if p50 else None,
        median(p99) if p99 else None,
    )


def compared(
    name: str, unit: str, samples: Sequence[Sample], references: Sequence[Sample], against: str
) -> Measure:
    """A measure against another of the same rounds."""
    centre, reference = middle(samples), middle(references)
    ratio = median(one.value / other.value for one, other in zip(samples, references, strict=True))
    return Measure(name, centre.value, unit, reference.value, ratio, centre.p50, centre.p99, against)


def alone(name: str, unit: str, samples: Sequence[Sample]) -> Measure:
    """A measure that stands for itself."""
    centre = middle(samples)
    return Measure(name, centre.value, unit, p50=centre.p50, p99=centre.p99)


def missing(name: str, unit: str, why: str) -> Measure:
    """A measure that was not taken."""
    return Measure(name, None, unit, against=f"not run: {why}")


def table(measures: Sequence[Measure]) -> str:
    """The measures as a table."""
    rows = [("name", "value", "unit", "p50 ms", "p99 ms", "reference", "ratio", "against")]
    for one in measures:
        rows.append(
            (
                one.name,
                shown(one.value),
                one.unit,
                shown(one.p50),
                shown(one.p99),
                shown(one.reference),
                shown(one.ratio),
                one.against,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def shown(value: float | None) -> str:
    """A figure with as many digits as mean something."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write(measures: Sequence[Measure], path: Path) -> None:
    """Write the measures as a JSON list of {name, value, unit, reference, ratio}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = ("name", "value", "unit", "reference", "ratio")
    listed = [{field: getattr(one, field) for field in fields} for one in measures]
    path.write_text(json.dumps(listed, indent=2) + "\n")
