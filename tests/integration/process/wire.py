"""Requests as bytes, past everything that a client checks, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from tests.integration.process.daemons import Daemon

UNARY = (
    "Signer/Sign",
    "Signer/BatchSign",
    "Signer/Verify",
    "Signer/PublicKey",
    "Keys/CreateKey",
    "Keys/ImportKey",
    "Keys/GetKey",
    "Keys/ListKeys",
    "Audit/ListRecords",
    "Audit/GetRecord",
    "Admin/GetStatus",
)
STREAM = "Signer/SignStream"


class Refusal(NamedTuple):
    """Code, reason and field of an error; the latter two are empty where only the transport spoke."""

    code: str
    reason: str = ""
    field: str = ""


OK = Refusal("OK")


class Wire:
    """One connection."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.retry_after = 0.0

    def unary(self, method: str, request: bytes, *, package: str = "signerd.v1.") -> Refusal:
        """Call a method with bytes; OK where it answered."""
        send: Any = self._channel.unary_unary(f"/{package}{method}")
        try:
            send(request, timeout=30)
        except grpc.RpcError as error:
            return self._refusal(error)
        return OK

    def stream(self, *requests: bytes) -> Refusal:
        """Call SignStream."""
        send: Any = self._channel.stream_unary(f"/signerd.v1.{STREAM}")
        try:
            send(iter(requests), timeout=30)
        except grpc.RpcError as error:
            return self._refusal(error)
        return OK

    def _refusal(self, error: grpc.RpcError) -> Refusal:
        status = Status()
        trailers: Any = error.trailing_metadata() or ()
        status.ParseFromString(dict(trailers).get("grpc-status-details-bin", b""))
        info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
        for detail in status.details:
            for kind in (info, bad, retry):
                detail.Unpack(kind)
        self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        fields = [violation.field for violation in bad.field_violations]
        return Refusal(error.code().name, info.reason, ",".join(fields))


@contextmanager
def wire(daemon: Daemon) -> Iterator[Wire]:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"unix:{daemon.socket}", options) as channel:
        yield Wire(channel)
