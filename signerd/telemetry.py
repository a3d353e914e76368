"""Metrics of one process. Children are looked up once and held, so that counting costs one dict look-up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Protocol

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
SIGNING = ("sign", "sign-stream")
_labels = attrgetter("operation", "outcome", "reason", "provider", "algorithm")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counters(dict[tuple[str, ...], prometheus_client.Counter]):
    """Children of a counter by their label values."""

    def __init__(self, metric: prometheus_client.Counter) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> prometheus_client.Counter:
        child = self[labels] = self._metric.labels(*labels)
        return child


class Gauges(dict[str, Gauge]):
    """Children of a gauge with one label."""

    def __init__(self, metric: Gauge) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, label: str) -> Gauge:
        child = self[label] = self._metric.labels(label)
        return child


class Histograms(dict[str, Histogram]):
    """Children of a histogram with one label."""

    def __init__(self, metric: Histogram) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, label: str) -> Histogram:
        child = self[label] = self._metric.labels(label)
        return child


class Ended(Protocol):
    """What an audit record tells of a request; `reason` is empty where nothing went wrong."""

    algorithm: str
    operation: str
    outcome: str
    provider: str
    reason: str


class Telemetry:
    """All metrics. Label values come from fixed sets or the configuration, never from a request."""

    def __init__(self) -> None:
        # Creation times double the series and nothing here uses them.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self._count(own)
        self._observe(own)
        self._measure(own)

    def _count(self, own: CollectorRegistry) -> None:
        self.requests = Counters(
            prometheus_client.Counter(
                "signerd_requests_total",
                "Requests answered.",
                ("operation", "outcome", "reason"),
                registry=own,
            )
        )
        self.signatures = Counters(
            prometheus_client.Counter(
                "signerd_signatures_total", "Signatures made.", ("provider", "algorithm"), registry=own
            )
        )
        self.transport_rejected = Counters(
            prometheus_client.Counter(
                "signerd_transport_rejected_total",
                "Requests that the transport refused.",
                ("cause",),
                registry=own,
            )
        )
        self.integrity_failures = Counters(
            prometheus_client.Counter(
                "signerd_integrity_failures_total",
                "Answers of a provider that its pinned key does not bear out.",
                ("provider",),
                registry=own,
            )
        )

    def _observe(self, own: CollectorRegistry) -> None:
        self.request_seconds = Histograms(
            Histogram(
                "signerd_request_seconds",
                "Time to the answer.",
                ("operation",),
                buckets=_SECONDS,
                registry=own,
            )
        )
        self.audit_group_records = Histogram(
            "signerd_audit_group_records", "Audit records per sync.", buckets=_RECORDS, registry=own
        )

    def _measure(self, own: CollectorRegistry) -> None:
        self.in_flight = Gauge("signerd_in_flight", "Requests under way.", registry=own)
        self.audit_sequence = Gauge("signerd_audit_sequence", "Newest durable audit record.", registry=own)
        self.audit_healthy = Gauge(
            "signerd_audit_healthy", "1 if the audit log can be written.", registry=own
        )
        self.snapshot_revision = Gauge("signerd_snapshot_revision", "State revision in use.", registry=own)
        self.provider_healthy = Gauges(
            Gauge("signerd_provider_healthy", "1 if the provider can be used.", ("provider",), registry=own)
        )

    def count(self, ended: Sequence[Ended]) -> None:
        """Count the requests of one audit group, and the signatures that were made."""
        self.audit_group_records.observe(len(ended))
        for (operation, outcome, reason, provider, algorithm), number in Counter(map(_labels, ended)).items():
            self.requests[operation, outcome, reason].inc(number)
            if operation in SIGNING and outcome == "ok":
                self.signatures[provider, algorithm].inc(number)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
