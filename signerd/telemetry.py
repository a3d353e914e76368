"""Metrics of one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from signerd.tallies import Distribution, Distributions, Tally

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
SIGNING = ("sign", "sign-stream")
_labels = attrgetter("operation", "outcome", "reason", "provider", "algorithm")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Gauges(dict[str, Gauge]):
    """Children of a gauge with one label."""

    def __init__(self, metric: Gauge) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, label: str) -> Gauge:
        child = self[label] = self._metric.labels(label)
        return child


class Ended(Protocol):
    """What an audit record tells of a request; `reason` is empty where nothing went wrong."""

    algorithm: str
    operation: str
    outcome: str
    provider: str
    reason: str


class SinkState(Protocol):
    """What is shown of a sink of the audit log; `detail` is empty while it takes records."""

    @property
    def name(self) -> str:
        """Configured name."""

    @property
    def detail(self) -> str:
        """What is wrong."""

    @property
    def lag(self) -> int:
        """Records that it does not have yet."""

    @property
    def delivered(self) -> int:
        """Records that it took."""

    @property
    def dropped(self) -> int:
        """Records that it was not given."""

    @property
    def failures(self) -> int:
        """Deliveries that it did not take."""


def sink_families(sinks: Sequence[SinkState]) -> Iterator[Metric]:
    """The figures of all sinks."""
    counters = (
        ("delivered", "signerd_sink_delivered_total", "Audit records that a sink took."),
        ("dropped", "signerd_sink_dropped_total", "Audit records that were left out of a sink."),
        ("failures", "signerd_sink_failures_total", "Deliveries that a sink did not take."),
    )
    for field, name, text in counters:
        tally = Tally({(sink.name,): getattr(sink, field) for sink in sinks})
        yield tally.family(name, text, ("sink",))
    lag = GaugeMetricFamily(
        "signerd_sink_lag", "Durable audit records that a sink does not have yet.", labels=["sink"]
    )
    healthy = GaugeMetricFamily("signerd_sink_healthy", "1 if the sink takes records.", labels=["sink"])
    for sink in sinks:
        lag.add_metric([sink.name], float(sink.lag))
        healthy.add_metric([sink.name], float(not sink.detail))
    yield from (lag, healthy)


class ProviderMeter:
    """What becomes of the calls to providers outside this process."""

    def __init__(self) -> None:
        self._calls = Tally()
        self._integrity_failures = Tally()
        self._seconds = Distributions(_SECONDS)
        self._open: dict[str, bool] = {}

    def call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """A call ended: `ok`, or the name of a reason."""
        self._calls[provider, operation, outcome] += 1
        if operation == "sign":
            self._seconds[provider].observe(seconds)

    def breaker(self, provider: str, is_open: bool) -> None:
        """The provider stopped to answer, or answers again."""
        self._open[provider] = is_open

    def integrity_failure(self, provider: str) -> None:
        """The provider answered with what its pinned key does not bear out."""
        self._integrity_failures[provider,] += 1

    def families(self) -> Iterator[Metric]:
        """The figures as they stand."""
        yield self._calls.family(
            "signerd_provider_calls_total", "Calls to a provider.", ("provider", "operation", "outcome")
        )
        yield self._seconds.family(
            "signerd_provider_sign_seconds", "Time a provider took to sign.", "provider"
        )
        yield self._integrity_failures.family(
            "signerd_integrity_failures_total",
            "Answers of a provider that its pinned key does not bear out.",
            ("provider",),
        )
        breakers = GaugeMetricFamily(
            "signerd_provider_breaker_open",
            "1 while the provider does not answer and gets one call now and then.",
            labels=["provider"],
        )
        for provider, open_ in self._open.items():
            breakers.add_metric([provider], float(open_))
        yield breakers


class CheckpointMeter:
    """How the checkpoints of the audit log come along; `mirror_lag` is None without a mirror."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made_at = clock()
        self._failures = Tally()
        self._witnesses = Tally()
        self._mirror_failures = Tally()
        self.size = 0
        self.mirror_lag: int | None = None

    def made(self, size: int) -> None:
        """A checkpoint of so many records was made."""
        self.size = size
        self._made_at = self._clock()

    def age(self) -> float:
        """Seconds since the newest checkpoint, or since the start."""
        return self._clock() - self._made_at

    def failed(self, reason: str) -> None:
        """A checkpoint could not be made: the name of a reason."""
        self._failures[reason,] += 1

    def witness(self, name: str, result: str) -> None:
        """A witness was asked: `ok`, or what went wrong."""
        self._witnesses[name, result] += 1

    def mirror_failed(self) -> None:
        """A copy to the mirror failed."""
        self._mirror_failures[()] += 1

    def families(self) -> Iterator[Metric]:
        """The figures as they stand."""
        yield GaugeMetricFamily(
            "signerd_audit_checkpoint_age_seconds",
            "Time since the newest checkpoint of the audit log.",
            value=self.age(),
        )
        yield GaugeMetricFamily(
            "signerd_audit_checkpoint_size", "Records that the newest checkpoint covers.", value=self.size
        )
        yield self._failures.family(
            "signerd_audit_checkpoint_failures_total", "Checkpoints that could not be made.", ("reason",)
        )
        yield self._witnesses.family(
            "signerd_audit_witness_requests_total", "Requests to witnesses.", ("witness", "result")
        )
        if self.mirror_lag is not None:
            yield GaugeMetricFamily(
                "signerd_audit_mirror_lag_records",
                "Records that the mirror is behind.",
                value=self.mirror_lag,
            )
            yield self._mirror_failures.family(
                "signerd_audit_mirror_failures_total", "Copies to the mirror that failed.", ()
            )


class Telemetry(Collector):
    """All metrics. Label values come from fixed sets or the configuration, never from a request."""

    def __init__(self, sinks: Callable[[], Sequence[SinkState]] = lambda: ()) -> None:
        self._registry = own = CollectorRegistry()
        self._sinks = sinks
        self._ended = Tally()
        self._audit_group_records = Distribution(_RECORDS)
        self.transport_rejected = Tally()
        self.providers = ProviderMeter()
        self.checkpoints = CheckpointMeter()
        self.request_seconds = Distributions(_SECONDS)
        ProcessCollector(registry=own)
        own.register(self)
        self.in_flight = Gauge("signerd_in_flight", "Requests under way.", registry=own)
        self.audit_sequence = Gauge("signerd_audit_sequence", "Newest durable audit record.", registry=own)
        self.audit_healthy = Gauge(
            "signerd_audit_healthy", "1 if the audit log and required sinks take records.", registry=own
        )
        self.snapshot_revision = Gauge("signerd_snapshot_revision", "State revision in use.", registry=own)
        self.key_check_failures = Gauge(
            "signerd_key_check_failures", "Key versions that failed their last check.", registry=own
        )
        self.provider_healthy = Gauges(
            Gauge("signerd_provider_healthy", "1 if the provider can be used.", ("provider",), registry=own)
        )

    def count(self, ended: Sequence[Ended]) -> None:
        """Count the requests of one audit group, and the signatures that were made."""
        self._audit_group_records.observe(len(ended))
        self._ended.update(map(_labels, ended))

    def collect(self) -> Iterator[Metric]:
        """The figures that are kept here, as the client library wants them."""
        requests, signatures = self._answered()
        yield requests.family(
            "signerd_requests_total", "Requests answered.", ("operation", "outcome", "reason")
        )
        yield signatures.family("signerd_signatures_total", "Signatures made.", ("provider", "algorithm"))
        yield self.transport_rejected.family(
            "signerd_transport_rejected_total", "Requests that the transport refused.", ("cause",)
        )
        yield from self.providers.families()
        yield from sink_families(self._sinks())
        yield from self.checkpoints.families()
        yield self.request_seconds.family("signerd_request_seconds", "Time to the answer.", "operation")
        groups = HistogramMetricFamily("signerd_audit_group_records", "Audit records per sync.")
        self._audit_group_records.add_to(groups)
        yield groups

    def _answered(self) -> tuple[Tally, Tally]:
        """Requests by operation, outcome and reason; signatures by provider and algorithm."""
        requests, signatures = Tally(), Tally()
        for (operation, outcome, reason, provider, algorithm), number in self._ended.items():
            if operation == "sign-intent":
                continue  # its result is counted
            requests[operation, outcome, reason] += number
            if operation in SIGNING and outcome == "ok":
                signatures[provider, algorithm] += number
        return requests, signatures

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
