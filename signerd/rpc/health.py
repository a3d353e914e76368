"""Standard health (grpc.health.v1) and reflection, the latter imported when somebody asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from signerd.rpc.calls import Handler
from signerd.v1 import admin_pb2, audit_pb2, keys_pb2, providers_pb2, signer_pb2

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
REFLECTION = "/grpc.reflection."
SERVICES = tuple(
    service.full_name
    for file in (signer_pb2, keys_pb2, providers_pb2, audit_pb2, admin_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
)


class Health:
    """Health by name: empty for the whole, each service, and `provider/NAME`."""

    def __init__(self) -> None:
        self.servicer = health.aio.HealthServicer()
        self._shown: dict[str, int] = {}

    async def show(self, serving: bool, providers: Mapping[str, bool]) -> None:
        """Show the state; watchers hear of changes only."""
        wanted = dict.fromkeys(("", *SERVICES), serving)
        wanted |= {f"provider/{name}": healthy for name, healthy in providers.items()}
        for name, healthy in wanted.items():
            status = SERVING if healthy else NOT_SERVING
            if self._shown.get(name) != status:
                self._shown[name] = status
                await self.servicer.set(name, status)


class LazyReflection(grpc.GenericRpcHandler):
    """Reflection without its 3 MB until the first caller wants it."""

    def __init__(self) -> None:
        self._handlers: list[grpc.GenericRpcHandler] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a reflection method, None for all others."""
        if not handler_call_details.method.startswith(REFLECTION):
            return None
        if not self._handlers:
            from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

            names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection_pb2_grpc.add_ServerReflectionServicer_to_server(  # type: ignore[no-untyped-call]
                reflection.aio.ReflectionServicer(names), Collector(self._handlers)
            )
        for handler in self._handlers:
            found = handler.service(handler_call_details)
            if found is not None:
                return found
        return None


class Collector:
    """Takes the handlers that generated code adds to a server."""

    def __init__(self, handlers: list[grpc.GenericRpcHandler]) -> None:
        self._handlers = handlers

    def add_generic_rpc_handlers(self, handlers: tuple[grpc.GenericRpcHandler, ...]) -> None:
        """Take them."""
        self._handlers.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """The generic handlers have them already."""


def health_handlers(shown: Health) -> list[grpc.GenericRpcHandler]:
    """Handlers of the health service, as a list that a server takes."""
    handlers: list[grpc.GenericRpcHandler] = []
    health_pb2_grpc.add_HealthServicer_to_server(shown.servicer, cast(aio.Server, Collector(handlers)))
    return handlers
