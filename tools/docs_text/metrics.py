"""The metrics of a worker."""

from __future__ import annotations

from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from signerd.telemetry import Telemetry
from tools.docs_text.tables import table


def render() -> str:
    """One row for each metric of signerd, by name; those of the process are prometheus-client's."""
    held = (getattr(one, "_metric", one) for one in vars(Telemetry()).values())
    rows = (_row(one) for one in held if isinstance(one, MetricWrapperBase))
    return table(("metric", "type", "labels", "meaning"), sorted(rows))


def _row(metric: Any) -> tuple[str, ...]:
    name = metric._name + ("_total" if metric._type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return f"`{name}`", metric._type, labels, metric._documentation
