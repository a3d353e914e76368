"""The stand-in for Cloud KMS as a process: `python -m tests.support.servers.gcp_serve --port 0 --state FILE`.

It serves google.cloud.kms.v1.KeyManagementService on 127.0.0.1, prints its port, and ends with SIGTERM. With `--tls` (a
directory with server.crt and server.key) it serves TLS and asks for the bearer token of `--token`. Its behaviour is
set by a method of its own, in JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import uvloop
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import PreconditionFailure, RetryInfo
from google.rpc.status_pb2 import Status

from tests.support.servers.gcp_faults import Behaviour, Fault, tampered
from tests.support.servers.gcp_methods import METHODS, Method, Methods, check_request
from tests.support.servers.gcp_ring import Refusal, Rings

SERVICE = "google.cloud.kms.v1.KeyManagementService"
CONTROL = "signerd.tests.Behaviour"
Handler = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]


class Server:
    """The service over rings of keys."""

    def __init__(self, file: Path | None, token: str = "") -> None:
        self._token = token
        self.behaviour = Behaviour()
        self.methods = Methods(Rings(file, lambda: time.time() + self.behaviour.skipped), self.behaviour)
        self.methods.rings.load()

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        real = {name: self._handler(name, method) for name, method in METHODS.items()}
        own: dict[str, Any] = {"Set": grpc.unary_unary_rpc_method_handler(self._set)}
        return [
            grpc.method_handlers_generic_handler(SERVICE, real),
            grpc.method_handlers_generic_handler(CONTROL, own),
        ]

    async def _set(self, request: bytes, context: object) -> bytes:
        """Take new settings; answers with the calls counted so far."""
        wanted = json.loads(request)
        if fault := wanted.pop("fault", None):
            self.behaviour.faults.append(Fault(**fault))
        for name, value in wanted.items():
            setattr(self.behaviour, name, value)
        return json.dumps(self.behaviour.calls).encode()

    def _handler(self, name: str, method: Method) -> Any:
        behaviour, calls = self.behaviour, self.behaviour.calls

        async def handle(request: Any, context: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            if behaviour.watched:
                behaviour.peers.add(context.peer())
                calls["connections"] = len(behaviour.peers)
            if behaviour.latency:
                await asyncio.sleep(behaviour.latency)
            fault = behaviour.fault(name) if behaviour.faults else None
            try:
                if fault is not None and not fault.late:
                    await _go_wrong(fault, context)
                if self._token:
                    _check_token(self._token, context)
                check_request(method, request, _routed(context))
                answer = method.run(self.methods, request)
            except Refusal as refusal:
                await _refuse(context, refusal)
            if fault is not None and fault.late:
                await _go_wrong(fault, context)
            return tampered(fault.tamper, answer) if fault is not None and fault.tamper else answer

        return grpc.unary_unary_rpc_method_handler(
            handle, method.request.FromString, lambda answer: answer.SerializeToString()
        )


def _routed(context: Any) -> str:
    found = (value for key, value in context.invocation_metadata() if key == "x-goog-request-params")
    return str(next(found, ""))


def _check_token(token: str, context: Any) -> None:
    if ("authorization", f"Bearer {token}") not in context.invocation_metadata():
        text = "Request had invalid authentication credentials. Expected OAuth 2 access token."
        raise Refusal(grpc.StatusCode.UNAUTHENTICATED, text)


async def _go_wrong(fault: Fault, context: Any) -> None:
    await asyncio.sleep(fault.hang)
    if fault.status:
        code = grpc.StatusCode[fault.status]
        details = [RetryInfo()] if code is grpc.StatusCode.RESOURCE_EXHAUSTED else []
        for detail in details:
            detail.retry_delay.seconds = 7
        await _abort(context, code, fault.message or f"injected {fault.status}", details)


async def _refuse(context: Any, refusal: Refusal) -> None:
    details = []
    if refusal.violation:
        subject = refusal.message.partition(" ")[0]
        violation = PreconditionFailure.Violation(type=refusal.violation, subject=subject)
        details.append(PreconditionFailure(violations=[violation]))
    await _abort(context, refusal.code, refusal.message, details)


async def _abort(context: Any, code: grpc.StatusCode, message: str, details: list[Any]) -> None:
    """End the call with the rich form of an error: the status in binary trailing metadata."""
    status = Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),) if details else ()
    await context.abort(code, message, trailers)


async def serve(port: int, file: Path | None, tls: Path | None = None, token: str = "") -> None:
    """Serve until SIGTERM."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(tuple(Server(file, token).handlers()))
    address = f"127.0.0.1:{port}"
    if tls is None:
        bound = server.add_insecure_port(address)
    else:
        pair = (tls / "server.key").read_bytes(), (tls / "server.crt").read_bytes()
        bound = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    await server.start()
    sys.stdout.write(f"{bound}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await server.stop(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--tls", type=Path)
    parser.add_argument("--token", default="")
    given = parser.parse_args()
    uvloop.run(serve(given.port, given.state, given.tls, given.token))
