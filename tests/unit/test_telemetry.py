from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from signerd.audit.records import Record
from signerd.exposition import join
from signerd.telemetry import Telemetry


def values(exposition: bytes) -> dict[str, float]:
    """Values by `name{a=b}`, labels in the order of their names."""
    return {
        f"{sample.name}{{{','.join(f'{k}={v}' for k, v in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


def signed() -> Record:
    return Record(operation="sign", outcome="ok", provider="local", algorithm="ecdsa-p256-sha256")


def worked(requests: int, in_flight: int) -> bytes:
    telemetry = Telemetry()
    telemetry.count(
        [
            *(Record(operation="sign", outcome="refused", reason="KEY_NOT_FOUND") for _ in range(requests)),
            *(signed() for _ in range(4)),
        ]
    )
    for _ in range(requests):
        telemetry.request_seconds["Sign"].observe(0.002)
    telemetry.provider_healthy["local"].set(1)
    telemetry.in_flight.set(in_flight)
    return telemetry.exposition()


def test_what_is_counted_is_shown() -> None:
    shown = values(worked(3, 2))
    assert shown["signerd_requests_total{operation=sign,outcome=refused,reason=KEY_NOT_FOUND}"] == 3
    assert shown["signerd_request_seconds_count{operation=Sign}"] == 3
    assert shown["signerd_request_seconds_sum{operation=Sign}"] == pytest.approx(0.006)
    assert shown["signerd_request_seconds_bucket{le=0.001,operation=Sign}"] == 0
    assert shown["signerd_request_seconds_bucket{le=0.0025,operation=Sign}"] == 3
    assert shown["signerd_signatures_total{algorithm=ecdsa-p256-sha256,provider=local}"] == 4
    assert shown["signerd_audit_group_records_bucket{le=5.0}"] == 0
    assert shown["signerd_audit_group_records_bucket{le=10.0}"] == 1
    assert shown["signerd_in_flight{}"] == 2
    assert shown["process_resident_memory_bytes{}"] > 1e6
    assert not any("_created" in name for name in shown)


def test_all_metrics_of_the_documentation_are_there() -> None:
    telemetry = Telemetry()
    telemetry.transport_rejected["size",] += 1
    telemetry.providers.integrity_failure("p")
    telemetry.providers.call("p", "sign", "ok", 0.01)
    telemetry.providers.breaker("p", True)
    telemetry.provider_healthy["p"].set(0)
    shown = telemetry.exposition().decode()
    for name in (
        "signatures_total",
        "transport_rejected_total",
        "integrity_failures_total",
        "requests_total",
        "provider_calls_total",
    ):
        assert f"# TYPE signerd_{name} counter" in shown
    for name in (
        "in_flight",
        "audit_sequence",
        "audit_healthy",
        "provider_healthy",
        "provider_breaker_open",
        "snapshot_revision",
    ):
        assert f"# TYPE signerd_{name} gauge" in shown
    for name in ("request_seconds", "audit_group_records", "provider_sign_seconds"):
        assert f"# TYPE signerd_{name} histogram" in shown


def test_calls_to_providers_are_counted_and_signatures_timed() -> None:
    telemetry = Telemetry()
    telemetry.providers.call("kms", "sign", "ok", 0.003)
    telemetry.providers.call("kms", "sign", "PROVIDER_TIMEOUT", 5.0)
    telemetry.providers.call("kms", "create", "ok", 40.0)
    telemetry.providers.integrity_failure("kms")
    telemetry.providers.breaker("kms", True)
    shown = values(telemetry.exposition())
    assert shown["signerd_provider_calls_total{operation=sign,outcome=ok,provider=kms}"] == 1
    assert shown["signerd_provider_calls_total{operation=sign,outcome=PROVIDER_TIMEOUT,provider=kms}"] == 1
    assert shown["signerd_provider_sign_seconds_count{provider=kms}"] == 2
    assert shown["signerd_provider_sign_seconds_sum{provider=kms}"] == pytest.approx(5.003)
    assert shown["signerd_integrity_failures_total{provider=kms}"] == 1
    assert shown["signerd_provider_breaker_open{provider=kms}"] == 1
    telemetry.providers.breaker("kms", False)
    assert values(telemetry.exposition())["signerd_provider_breaker_open{provider=kms}"] == 0


def test_children_are_kept() -> None:
    telemetry = Telemetry()
    assert telemetry.request_seconds["Sign"] is telemetry.request_seconds["Sign"]
    assert telemetry.provider_healthy["p"] is telemetry.provider_healthy["p"]


def test_two_of_them_do_not_share_figures() -> None:
    assert values(worked(1, 1)) != values(Telemetry().exposition())


def test_workers_are_joined_counters_summed_and_gauges_kept_apart() -> None:
    joined = values(join({0: worked(3, 2), 1: worked(4, 5)}))
    assert joined["signerd_requests_total{operation=sign,outcome=refused,reason=KEY_NOT_FOUND}"] == 7
    assert joined["signerd_request_seconds_bucket{le=0.0025,operation=Sign}"] == 7
    assert joined["signerd_request_seconds_sum{operation=Sign}"] == pytest.approx(0.014)
    assert joined["signerd_audit_group_records_count{}"] == 2
    assert joined["signerd_in_flight{worker=0}"] == 2
    assert joined["signerd_in_flight{worker=1}"] == 5
    assert joined["signerd_provider_healthy{provider=local,worker=1}"] == 1
    assert "signerd_in_flight{}" not in joined
    assert joined["process_resident_memory_bytes{worker=0}"] > 1e6
    assert "process_cpu_seconds_total{}" in joined


def test_a_joined_exposition_names_each_family_once() -> None:
    text = join({0: worked(1, 1), 1: worked(1, 1), 7: Telemetry().exposition()}).decode()
    types = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert "# TYPE signerd_requests_total counter" in types
    assert "# HELP signerd_requests_total Requests answered." in text


def test_a_series_that_one_worker_lacks() -> None:
    joined = values(join({0: Telemetry().exposition(), 1: worked(2, 0)}))
    assert joined["signerd_requests_total{operation=sign,outcome=refused,reason=KEY_NOT_FOUND}"] == 2


def test_nothing_to_join() -> None:
    assert join({}) == b""


@given(st.lists(st.tuples(st.integers(0, 9), st.text(max_size=5)), max_size=4))
def test_a_sum_is_that_of_its_parts_whatever_the_labels(counts: list[tuple[int, str]]) -> None:
    expositions = {}
    for worker, (count, label) in enumerate(counts):
        telemetry = Telemetry()
        telemetry.transport_rejected[label,] += count
        expositions[worker] = telemetry.exposition()
    joined = values(join(expositions))
    total = sum(v for k, v in joined.items() if k.startswith("signerd_transport_rejected_total"))
    assert total == sum(count for count, _ in counts)
