"""SignerdError to gRPC status with google.rpc details: ErrorInfo, BadRequest, RetryInfo."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from signerd.errors import SignerdError

DOMAIN = "signerd.dev"
DETAILS_KEY = "grpc-status-details-bin"
MAX_MESSAGE = 1024
"""Bytes of a message: all trailers together, with its other bytes as %XX, must stay below the 8 KiB of gRPC."""


def to_status(error: SignerdError, request_id: str = "") -> Status:
    """The error as google.rpc.Status."""
    message = sendable(error.message)
    status = Status(code=error.code.value, message=message)
    info = ErrorInfo(reason=error.reason.name, domain=DOMAIN, metadata={"remedy": error.reason.value.remedy})
    if request_id:
        info.metadata["request_id"] = request_id
    status.details.add().Pack(info)
    if error.field:
        violation = BadRequest.FieldViolation(
            field=error.field, description=message, reason=error.reason.name
        )
        status.details.add().Pack(BadRequest(field_violations=[violation]))
    if error.retry_after is not None:
        status.details.add().Pack(RetryInfo(retry_delay=_duration(error.retry_after)))
    return status


def sendable(message: str) -> str:
    """The message, cut if it is long; a file name that is no UTF-8 shows as `?`."""
    return message.encode(errors="replace")[:MAX_MESSAGE].decode(errors="ignore")


def _duration(seconds: float) -> Duration:
    whole = int(seconds)
    return Duration(seconds=whole, nanos=int((seconds - whole) * 1e9))
