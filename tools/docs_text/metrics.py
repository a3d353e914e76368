"""The metrics of a worker."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Gauge

from signerd.telemetry import Telemetry
from tools.docs_text.tables import table


def render() -> str:
    """One row for each metric of signerd, by name; those of the process are prometheus-client's."""
    telemetry = Telemetry()
    telemetry.checkpoints.mirror_lag = 0  # its metrics are there only with a mirror
    held = (getattr(one, "_metric", one) for one in vars(telemetry).values())
    rows = [
        _row(one._name, "gauge", one._labelnames, one._documentation)
        for one in held
        if isinstance(one, Gauge)
    ]
    for family in telemetry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(_row(name, family.type, getattr(family, "_labelnames", ()), family.documentation))
    return table(("metric", "type", "labels", "meaning"), sorted(rows))


def _row(name: str, kind: str, label_names: Sequence[str], meaning: str) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in label_names)
    return f"`{name}`", kind, labels, meaning
