"""Syslog over TCP (RFC 6587) and TLS (RFC 5425). Blocking, for a thread.

The protocol has no answers. A delivery counts as taken when the receiver's TCP has acknowledged all of it and the
connection still stands: what a receiver then loses by itself is lost.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from typing import Final

from signerd.config_sinks import SinkTls, SyslogSink
from signerd.core.quantities import split_address
from signerd.sinks.base import Entry, Unaccepted
from signerd.sinks.syslog_messages import Messages
from signerd.sinks.tls import client_context

_PIECE: Final = 1 << 16
_INT: Final = struct.Struct("i")
_FIRST_LOOK, _SLOWEST_LOOK = 0.0005, 0.02


class SyslogSender:
    """One connection to a receiver, opened again when it broke."""

    def __init__(self, section: SyslogSink, messages: Messages) -> None:
        self._name = section.name
        self._address = split_address(section.address)
        self._tls: SinkTls | None = section.tls
        self._messages = messages
        self._connection: socket.socket | None = None

    def send(self, entries: Sequence[Entry], deadline: float) -> None:
        """Send, and wait until the receiver's TCP has it all."""
        if self._connection is not None and _ended(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._connect(deadline)
        data = b"".join(map(self._messages.framed, entries))
        try:
            _write(self._connection, data, deadline)
            _await_acknowledgement(self._connection, deadline)
        except BaseException:
            self.close()
            raise

    def _connect(self, deadline: float) -> socket.socket:
        # The files are read at each connection: certificates are renewed.
        context = client_context(self._tls, self._name) if self._tls is not None else None
        plain = socket.create_connection(self._address, timeout=_left(deadline))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None or self._tls is None:
                return plain
            plain.settimeout(_left(deadline))
            return context.wrap_socket(plain, server_hostname=self._tls.server_name or self._address[0])
        except BaseException:
            plain.close()
            raise

    def reopen(self) -> None:
        """Connect anew with the next delivery."""
        self.close()

    def close(self) -> None:
        """Close the connection; one to a receiver that hangs is not waited for."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _write(connection: socket.socket, data: bytes, deadline: float) -> None:
    rest = memoryview(data)
    while rest:
        connection.settimeout(_left(deadline))
        rest = rest[connection.send(rest[:_PIECE]) :]


def _await_acknowledgement(connection: socket.socket, deadline: float) -> None:
    """Wait until no sent byte is unacknowledged, and look whether the receiver is still there."""
    pause = _FIRST_LOOK
    while _unacknowledged(connection):
        _check(connection)
        if _left(deadline) <= pause:
            raise Unaccepted("the receiver does not acknowledge what it is sent")
        time.sleep(pause)
        pause = min(2 * pause, _SLOWEST_LOOK)
    _check(connection)


def _check(connection: socket.socket) -> None:
    if _ended(connection):
        raise Unaccepted("the receiver has closed the connection")


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes that the peer's TCP has not acknowledged (SIOCOUTQ, tcp(7))."""
    counted = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(_INT.size))
    return int(_INT.unpack(counted)[0])


def _ended(connection: socket.socket) -> bool:
    """Whether the peer has ended the connection; what it says otherwise means nothing."""
    connection.settimeout(0)
    try:
        while connection.recv(_PIECE):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True


def _left(deadline: float) -> float:
    """Seconds to go. Raises TimeoutError when there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the time limit is over")
    return seconds
