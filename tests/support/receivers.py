"""A syslog receiver that takes octet-counted messages over TCP or TLS, and misbehaves when told to."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path

HUNG, READING = "hung", "reading"
_TINY = 2048


class Receiver:
    """Listens on a free port in a thread of its own; `messages` are those that came whole."""

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.messages: list[bytes] = []
        self.connections = 0
        self.mode = READING
        self.reset_after = 0  # bytes of a connection after which it is reset
        self.slowly = 0.0  # seconds between small reads
        self._context = context
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        # Small, so that a receiver that does not read soon shows.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _TINY)
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self.mode == HUNG:
                self._stop.wait()
                return
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        rest, count = b"", 0
        while data := connection.recv(512 if self.slowly else 1 << 16):
            count += len(data)
            rest = self._take(rest + data)
            if self.reset_after and count >= self.reset_after:
                self.reset_after = 0
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
                return
            if self.slowly:
                self._stop.wait(self.slowly)

    def _take(self, data: bytes) -> bytes:
        """Keep whole messages; gives what is left."""
        while True:
            length, space, rest = data.partition(b" ")
            if not space or len(rest) < int(length):
                return data
            self.messages.append(rest[: int(length)])
            data = rest[int(length) :]

    def drop(self) -> None:
        """Close all connections."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def close(self) -> None:
        self._stop.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join(10)


def server_context(directory: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """TLS with server.crt and server.key of a directory; clients need a certificate where `client_ca` is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.crt", directory / "server.key")
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
