"""From what the wire says of a failure to a SignerdError."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from signerd.codes import Code
from signerd.errors import Reason, SignerdError

DOMAIN = "signerd.dev"
FALLBACKS = {
    Code.CANCELLED: Reason.DAEMON_UNREACHABLE,  # not by us: the daemon went away
    Code.INVALID_ARGUMENT: Reason.REQUEST_MALFORMED,
    Code.DEADLINE_EXCEEDED: Reason.DEADLINE,
    Code.NOT_FOUND: Reason.KEY_NOT_FOUND,
    Code.ALREADY_EXISTS: Reason.KEY_EXISTS,
    Code.PERMISSION_DENIED: Reason.CALLER_DENIED,
    Code.RESOURCE_EXHAUSTED: Reason.OVERLOADED,
    Code.FAILED_PRECONDITION: Reason.VERSION_STATE,
    Code.OUT_OF_RANGE: Reason.REQUEST_MALFORMED,
    Code.UNIMPLEMENTED: Reason.METHOD_UNKNOWN,
    Code.UNAVAILABLE: Reason.DAEMON_UNREACHABLE,
    Code.DATA_LOSS: Reason.PROVIDER_INTEGRITY,
    Code.UNAUTHENTICATED: Reason.CALLER_UNAUTHENTICATED,
}


def error_from_wire(code: int, details: str, packed: bytes) -> SignerdError:
    """Error of a call; `packed` is the trailer `grpc-status-details-bin`, empty where there was none."""
    status = status_pb2.Status()
    try:
        status.ParseFromString(packed)
    except DecodeError:
        status.Clear()
    if not status.code:
        status.code, status.message = code, details
    return error_from_status(status)


def error_from_status(status: status_pb2.Status) -> SignerdError:
    """Error of a google.rpc.Status: reason from ErrorInfo, field from BadRequest, waiting time from RetryInfo."""
    info, bad, retry = _details(status)
    reason, message = _reason(status, info)
    field = bad.field_violations[0].field if bad.field_violations else ""
    pause = retry.retry_delay
    waits = pause.seconds + pause.nanos / 1e9 if retry.HasField("retry_delay") else None
    return SignerdError(reason, message, field=field, retry_after=waits)


def _details(
    status: status_pb2.Status,
) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo]:
    found = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for detail in status.details:
        for message in found:
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    return found


def _reason(status: status_pb2.Status, info: error_details_pb2.ErrorInfo) -> tuple[Reason, str]:
    if info.domain == DOMAIN:
        try:
            return Reason[info.reason], status.message
        except KeyError:  # a newer daemon: its reason stays readable, its code decides
            return _fallback(status), f"{status.message} (reason {info.reason[:64]})"
    return _fallback(status), status.message


def _fallback(status: status_pb2.Status) -> Reason:
    if status.code == Code.RESOURCE_EXHAUSTED and "larger than max" in status.message:
        return Reason.REQUEST_TOO_LARGE
    try:
        return FALLBACKS.get(Code(status.code), Reason.INTERNAL)
    except ValueError:
        return Reason.INTERNAL
