"""Errors as callers get them: the status of a call and its google.rpc details."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from signerd.errors import Reason

KEY = "grpc-status-details-bin"


class Refused(Exception):
    """A call that ended in an error."""

    def __init__(self, status: Status) -> None:
        self.code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        self.message = status.message
        self.field = ""
        self.retry: float | None = None
        for detail in status.details:
            for kind in (ErrorInfo, BadRequest, RetryInfo):
                if detail.Is(kind.DESCRIPTOR):
                    self._take(kind.FromString(detail.value))
        super().__init__(f"{self.reason.name}: {self.message}")

    def _take(self, detail: Any) -> None:
        if isinstance(detail, ErrorInfo):
            assert detail.domain == "signerd.dev"
            self.reason = Reason[detail.reason]
            self.metadata = dict(detail.metadata)
        elif isinstance(detail, BadRequest):
            (violation,) = detail.field_violations
            self.field = violation.field
            assert violation.reason == self.reason.name
        else:
            self.retry = detail.retry_delay.ToTimedelta().total_seconds()


def from_call(error: grpc.aio.AioRpcError) -> Refused:
    """What came over the wire; fails where the transport alone has answered."""
    packed = dict(error.trailing_metadata() or ()).get(KEY)
    assert isinstance(packed, bytes), f"no details: {error!r}"
    status = Status.FromString(packed)
    assert (error.code().value[0], error.details()) == (status.code, status.message)
    return Refused(status)


async def refused(call: Awaitable[object]) -> Refused:
    """The error that a call ends in."""
    with pytest.raises(Refused) as caught:
        await call
    return caught.value
