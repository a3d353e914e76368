"""Listeners: a server for each, bound to its socket, with the identity that the listener gives its callers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grpc import aio

from signerd.config import Listener
from signerd.errors import Reason, SignerdError
from signerd.rpc.calls import Gate, Identify, UnknownMethods
from signerd.rpc.health import Health, LazyReflection, health_handlers
from signerd.rpc.peers import certificate_identity, open_identity, unix_identity
from signerd.rpc.server import Limits, Methods, new_server, router
from signerd.sockets import finish_unix, prepare_unix, socket_umask

LAST_GRACE = 0.5
"""Seconds for answers that are on their way out when the servers stop."""


@dataclass(slots=True)
class Listeners:
    """The open listeners of one worker."""

    methods: Methods
    gate: Gate
    health: Health
    limits: Limits
    reuse_port: bool
    _servers: list[aio.Server] = field(default_factory=list)
    _sockets: list[Path] = field(default_factory=list)

    async def open(self, listeners: Sequence[Listener], private: Path) -> None:
        """Open all; a socket in `private` gets a directory that nobody else can enter."""
        for listener in listeners:
            identify = identity(listener)
            handlers = [
                router(self.methods, self.gate, identify, listener.role),
                *health_handlers(self.health),
                LazyReflection(),
                UnknownMethods(self.gate, identify),
            ]
            server = new_server(self.limits, handlers, self.reuse_port)
            if listener.unix is not None:
                await self._open_unix(server, listener, listener.unix, private)
            else:
                open_tcp(server, listener, str(listener.tcp))
                await server.start()
            self._servers.append(server)

    async def _open_unix(self, server: aio.Server, listener: Listener, path: Path, private: Path) -> None:
        prepare_unix(path, private=path.parent == private)
        with socket_umask():
            try:
                server.add_insecure_port(f"unix:{path}")
            except RuntimeError as error:
                raise unbound(listener, str(path)) from error
        finish_unix(path, listener.permissions, listener.owner)
        self._sockets.append(path)
        await server.start()

    async def close(self, grace: float) -> None:
        """Take no more calls, give those under way so many seconds, then end them."""
        # gRPC's own way to stop ends calls that it has not handed to us yet as bare CANCELLED: answer them first.
        await self.gate.drain(grace)
        for server in self._servers:
            await server.stop(LAST_GRACE)
        for path in self._sockets:
            path.unlink(missing_ok=True)


def identity(listener: Listener) -> Identify:
    """How callers of this listener are known."""
    if listener.unix is not None:
        return unix_identity(listener.name)
    if listener.tls is not None and listener.tls.client_ca is not None:
        return certificate_identity(listener.name)
    return open_identity(listener.name)


def open_tcp(server: aio.Server, listener: Listener, address: str) -> None:
    """Bind a TCP listener; raises CONFIG_INVALID or HOME_IN_USE."""
    try:
        if listener.tls is None:
            server.add_insecure_port(address)
        else:
            from signerd.rpc.tls import TlsFiles

            files = TlsFiles(listener.tls.cert, listener.tls.key, listener.tls.client_ca)
            server.add_secure_port(address, files.credentials())
    except RuntimeError as error:
        raise unbound(listener, address) from error


def unbound(listener: Listener, address: str) -> SignerdError:
    """Why a listener could not be opened."""
    return SignerdError(
        Reason.HOME_IN_USE,
        f"listener {listener.name}: {address} can't be bound: it is in use, or none of this machine",
        field="listeners",
    )
