"""Metrics of checkpoints, witnesses and the mirror."""

from __future__ import annotations

from signerd.telemetry import CheckpointMeter, Telemetry


def lines(telemetry: Telemetry) -> set[str]:
    return {line for line in telemetry.exposition().decode().splitlines() if not line.startswith("#")}


def test_ages_sizes_and_results_are_told() -> None:
    now = 100.0
    telemetry = Telemetry()
    telemetry.checkpoints = meter = CheckpointMeter(lambda: now)
    meter.made(12)
    meter.failed("PROVIDER_UNAVAILABLE")
    meter.witness("w.example/1", "ok")
    meter.witness("w.example/1", "ok")
    meter.witness("w.example/1", "timeout")
    now = 107.0
    found = lines(telemetry)
    assert {
        "signerd_audit_checkpoint_age_seconds 7.0",
        "signerd_audit_checkpoint_size 12.0",
        'signerd_audit_checkpoint_failures_total{reason="PROVIDER_UNAVAILABLE"} 1.0',
        'signerd_audit_witness_requests_total{result="ok",witness="w.example/1"} 2.0',
        'signerd_audit_witness_requests_total{result="timeout",witness="w.example/1"} 1.0',
    } <= found
    assert not any("mirror" in line for line in found)


def test_a_mirror_has_a_lag() -> None:
    telemetry = Telemetry()
    telemetry.checkpoints.mirror_lag = 5
    telemetry.checkpoints.mirror_failed()
    assert {
        "signerd_audit_mirror_lag_records 5.0",
        "signerd_audit_mirror_failures_total 1.0",
    } <= lines(telemetry)
