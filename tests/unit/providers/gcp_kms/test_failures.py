"""What errors of Cloud KMS mean."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status

from signerd.errors import Reason
from signerd.providers.gcp_kms.failures import failure, status_of

Metadata = tuple[tuple[str, bytes], ...]


class CallError(Exception):
    """As gRPC's: a status, the server's words, trailing metadata, and a text for people who debug."""

    def __init__(self, code: grpc.StatusCode, details: str = "said", trailers: Metadata | None = ()) -> None:
        super().__init__("debug_error_string and all")
        self._code, self._details, self._trailers = code, details, trailers

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> Metadata | None:
        return self._trailers


class RefreshError(Exception):
    """As google.auth's."""


def rich(*details: Message) -> Metadata:
    status = Status()
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def precondition(kind: str) -> Metadata:
    return rich(PreconditionFailure(violations=[PreconditionFailure.Violation(type=kind)]))


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_status_has_a_reason_of_providers(code: grpc.StatusCode) -> None:
    error = failure("gcp", CallError(code))
    assert error.reason.name.startswith(("PROVIDER_", "KEY_"))
    assert "said" not in error.message


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("DISABLED", Reason.KEY_MATERIAL_DISABLED),
        ("DESTROY_SCHEDULED", Reason.KEY_MATERIAL_DISABLED),
        ("DESTROYED", Reason.KEY_MATERIAL_UNREADABLE),
        ("IMPORT_FAILED", Reason.KEY_MATERIAL_UNREADABLE),
        ("GENERATION_FAILED", Reason.KEY_MATERIAL_UNREADABLE),
        ("PENDING_GENERATION", Reason.PROVIDER_UNAVAILABLE),
    ],
)
def test_states_are_told_by_the_violation_or_the_words(state: str, reason: Reason) -> None:
    code = grpc.StatusCode.FAILED_PRECONDITION
    typed = CallError(code, "said", precondition(f"KEY_{state}"))
    worded = CallError(code, f"projects/p is not enabled, current state is: {state}.")
    for error in (failure("gcp", typed), failure("gcp", worded)):
        assert error.reason is reason
        assert state in error.message


@pytest.mark.parametrize(
    "trailers", [(), None, precondition("ORGANISATION"), (("grpc-status-details-bin", b"\xff"),)]
)
def test_other_preconditions_are_refusals(trailers: Metadata | None) -> None:
    error = CallError(grpc.StatusCode.FAILED_PRECONDITION, "said", trailers)
    assert failure("gcp", error).reason is Reason.PROVIDER_REFUSED


@pytest.mark.parametrize(("seconds", "told"), [(7, 7.0), (0, 1.0), (-5, 1.0), (86_400, 60.0)])
def test_the_pause_is_the_one_that_is_asked_for(seconds: int, told: float) -> None:
    wait = RetryInfo()
    wait.retry_delay.seconds = seconds
    error = failure("gcp", CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, "said", rich(wait)))
    assert (error.reason, error.retry_after) == (Reason.PROVIDER_THROTTLED, told)


def test_without_a_pause_it_is_a_second() -> None:
    assert failure("gcp", CallError(grpc.StatusCode.RESOURCE_EXHAUSTED)).retry_after == 1.0


def test_the_log_has_the_words_without_what_is_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    failure("gcp", CallError(grpc.StatusCode.INTERNAL, "said by\nthe vendor"))
    assert "CallError INTERNAL: said by the vendor" in caplog.text
    assert "debug_error_string" not in caplog.text


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RefreshError("invalid_grant"), Reason.PROVIDER_DENIED),
        (TimeoutError(), Reason.PROVIDER_TIMEOUT),
        (ValueError("x"), Reason.PROVIDER_UNAVAILABLE),
    ],
)
def test_errors_outside_a_call(error: Exception, reason: Reason) -> None:
    assert status_of(error) == ""
    assert failure("gcp", error).reason is reason


def test_that_something_exists_is_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert failure("gcp", CallError(grpc.StatusCode.ALREADY_EXISTS)).reason is Reason.KEY_EXISTS
    assert caplog.text == ""
