"""What operators see of sinks: metrics and status."""

from __future__ import annotations

import pytest

from signerd.cli.status import _facts
from signerd.rpc.keeping import sink_message
from signerd.sinks.fanout import SinkFigures
from signerd.telemetry import Telemetry
from signerd.v1.admin_pb2 import AuditStatus, GetStatusResponse

DOWN = SinkFigures("siem", "http", True, "the server answered 500", 41, 9, 40, 3, 7)
WELL = SinkFigures("copy", "file", False, "", 50, 0, 50, 0, 0)


def test_metrics_have_every_figure_of_every_sink() -> None:
    shown = Telemetry(lambda: (DOWN, WELL)).exposition().decode()
    for line in (
        'signerd_sink_delivered_total{sink="siem"} 40.0',
        'signerd_sink_dropped_total{sink="siem"} 3.0',
        'signerd_sink_failures_total{sink="siem"} 7.0',
        'signerd_sink_lag{sink="siem"} 9.0',
        'signerd_sink_healthy{sink="siem"} 0.0',
        'signerd_sink_delivered_total{sink="copy"} 50.0',
        'signerd_sink_healthy{sink="copy"} 1.0',
    ):
        assert line in shown.splitlines()


@pytest.mark.parametrize("sink", [DOWN, WELL])
def test_the_api_has_every_figure(sink: SinkFigures) -> None:
    message = sink_message(sink)
    assert message.healthy == (not sink.detail)
    for name in SinkFigures._fields:
        assert getattr(message, name) == getattr(sink, name)


def test_status_says_how_each_sink_is() -> None:
    audit = AuditStatus(sinks=[sink_message(DOWN), sink_message(WELL)])
    facts = dict(_facts(GetStatusResponse(audit=audit)))
    assert (
        facts["sink siem"] == "NOT OK, http, required, at 41, 9 behind, 3 left out, the server answered 500"
    )
    assert facts["sink copy"] == "ok, file, at 50, 0 behind"
