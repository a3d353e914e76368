"""Who is admitted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from signerd.errors import Reason, SignerdError
from signerd.rpc.calls import Gate
from signerd.telemetry import Telemetry


def gate(most: int) -> Gate:
    recorder: Any = SimpleNamespace()
    return Gate(recorder, Telemetry(), most, 1000)


def reason(admit: Any, *args: int) -> Reason:
    with pytest.raises(SignerdError) as refused:
        admit(*args)
    return refused.value.reason


def test_streams_leave_half_of_the_places_to_others() -> None:
    one = gate(4)
    for _ in range(2):
        one.admit_stream()
    assert reason(one.admit_stream) is Reason.OVERLOADED
    one.admit(1)
    one.admit(1)
    assert reason(one.admit, 1) is Reason.OVERLOADED
    one.leave_stream()
    one.admit_stream()
    assert (one.in_flight, one.streams) == (4, 2)


def test_a_gate_of_one_place_takes_a_stream() -> None:
    one = gate(1)
    one.admit_stream()
    one.leave_stream()
    assert one.in_flight == 0


def test_who_comes_while_it_drains_is_sent_away() -> None:
    one = gate(4)
    one.draining = True
    assert reason(one.admit, 1) is Reason.SHUTTING_DOWN


def test_too_large_is_said_before_too_many() -> None:
    assert reason(gate(0).admit, 1001) is Reason.REQUEST_TOO_LARGE
