"""What Cloud KMS's errors mean: a small set of reasons, by the status of the call."""

from __future__ import annotations

import logging
import re
from typing import Any

from signerd.errors import Reason, SignerdError
from signerd.providers.failures import failed

_log = logging.getLogger(__name__)
_REASONS = {
    "UNAVAILABLE": Reason.PROVIDER_UNAVAILABLE,
    "DEADLINE_EXCEEDED": Reason.PROVIDER_TIMEOUT,
    "RESOURCE_EXHAUSTED": Reason.PROVIDER_THROTTLED,
    "PERMISSION_DENIED": Reason.PROVIDER_DENIED,
    "UNAUTHENTICATED": Reason.PROVIDER_DENIED,
    "NOT_FOUND": Reason.KEY_MATERIAL_UNREADABLE,
    "ALREADY_EXISTS": Reason.KEY_EXISTS,
    "INVALID_ARGUMENT": Reason.PROVIDER_REFUSED,
    "OUT_OF_RANGE": Reason.PROVIDER_REFUSED,
    "UNIMPLEMENTED": Reason.PROVIDER_REFUSED,
    "FAILED_PRECONDITION": Reason.PROVIDER_REFUSED,
    "DATA_LOSS": Reason.PROVIDER_INTEGRITY,
}
_STATES = {
    "DISABLED": Reason.KEY_MATERIAL_DISABLED,
    "DESTROY_SCHEDULED": Reason.KEY_MATERIAL_DISABLED,
    "PENDING_GENERATION": Reason.PROVIDER_UNAVAILABLE,
    "PENDING_IMPORT": Reason.PROVIDER_UNAVAILABLE,
}
_STATE = re.compile(r"current state is: ([A-Z_]+)")
_DETAILS = "grpc-status-details-bin"
# Errors outside a call, by their class: the SDK need not be imported to know them.
_OTHERS = {
    "DefaultCredentialsError": Reason.PROVIDER_DENIED,
    "RefreshError": Reason.PROVIDER_DENIED,
    "TimeoutError": Reason.PROVIDER_TIMEOUT,
}
_LONGEST_PAUSE = 60.0


def failure(provider: str, error: Exception) -> SignerdError:
    """Log a failed call, and give the error for the caller."""
    status = status_of(error)
    reason = _REASONS.get(status, Reason.PROVIDER_UNAVAILABLE)
    if not status:
        reason = _OTHERS.get(type(error).__name__, reason)
    if status == "FAILED_PRECONDITION" and (state := _state_in(error)):
        return unusable(provider, state)
    if reason is Reason.KEY_EXISTS:  # nothing went wrong: a key gets its next version
        return SignerdError(reason, f"provider {provider!r}: it exists already")
    pause = _pause_in(error) if reason is Reason.PROVIDER_THROTTLED else None
    return failed(_log, provider, reason, error_text(error), retry_after=pause)


def unusable(provider: str, state: str) -> SignerdError:
    """The error for a version in a state in which it does not sign."""
    reason = _STATES.get(state, Reason.KEY_MATERIAL_UNREADABLE)
    return SignerdError(reason, f"provider {provider!r}: the version's state is {state}")


def status_of(error: Exception) -> str:
    """Name of the call's status; empty for an error that is none of a call."""
    ask = getattr(error, "code", None)
    return str(getattr(ask() if callable(ask) else None, "name", ""))


def error_text(error: Exception) -> str:
    """Status and message of a call, without what gRPC adds for debugging."""
    ask = getattr(error, "details", None)
    text = ask() if callable(ask) else error
    return f"{type(error).__name__} {status_of(error)}: {text}"


def _state_in(error: Exception) -> str:
    """The state that a version is in, from the typed violation or else from the words."""
    from google.rpc.error_details_pb2 import PreconditionFailure

    for violation in _detail(error, PreconditionFailure()).violations:
        if violation.type.startswith("KEY_"):
            return str(violation.type.removeprefix("KEY_"))
    found = _STATE.search(error_text(error))
    return found[1] if found else ""


def _pause_in(error: Exception) -> float:
    """Seconds after which the quota may have room again."""
    from google.rpc.error_details_pb2 import RetryInfo

    delay = _detail(error, RetryInfo()).retry_delay.ToTimedelta().total_seconds()
    return min(delay, _LONGEST_PAUSE) if delay > 0 else 1.0


def _detail(error: Exception, wanted: Any) -> Any:
    """Fill a message from the rich status of the call, if that has one of its type."""
    from google.protobuf.message import DecodeError
    from google.rpc.status_pb2 import Status

    trailers = getattr(error, "trailing_metadata", None)
    packed = dict(trailers() or ()).get(_DETAILS) if callable(trailers) else None
    if isinstance(packed, bytes):
        try:
            for detail in Status.FromString(packed).details:
                detail.Unpack(wanted)
        except DecodeError:
            _log.debug("unreadable status details")
    return wanted
