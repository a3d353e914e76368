"""The process that loads a PKCS#11 module: `python -m signerd.providers.pkcs11.worker PARENT`, socket on stdin.

A module can crash, hang or leak, so it lives alone. The process answers requests in their order from one thread, and
ends when its parent closes the socket or dies, or when the session is of no more use.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from time import monotonic
from typing import TYPE_CHECKING

from signerd.process import die_with, harden
from signerd.providers.pkcs11.frames import (
    Answer,
    Failed,
    Hello,
    Kind,
    Request,
    Splitter,
    encode,
    requests,
)

if TYPE_CHECKING:
    from signerd.providers.pkcs11.token import Token

_READ = 1 << 20
_HOLD = 0.001
"""Seconds for which answers are collected while more requests are waiting: fewer system calls on both ends."""


def main() -> int:
    """Serve until the parent is gone; 0 if it closed the socket, 1 if the token can't be used."""
    die_with(int(sys.argv[1]), signal.SIGKILL)
    harden()
    # What takes most of the start is done ahead of the first request, when nobody can look in any more.
    import signerd.providers.pkcs11.token  # noqa: F401

    # The parent decides when this ends: it may need signatures while it stops itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=sys.stdin.fileno()) as connection:
        return Server(connection).serve()


class Server:
    """Answers the requests of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._token: Token | None = None
        self._out = bytearray()
        self._since = 0.0

    def serve(self) -> int:
        """Until the other end hangs up, or the token is of no more use; the exit code."""
        with contextlib.suppress(ConnectionError):  # hung up ahead of its answers
            if not self._answer_all():
                return 1
        if self._token is not None:
            self._token.close()
        return 0

    def _answer_all(self) -> bool:
        """Answer what comes until the end of it; False if the token is of no more use."""
        splitter = Splitter()
        while data := self._connection.recv(_READ):
            self._since = monotonic()
            for body in splitter.feed(data):
                given = self._answer(requests.decode(body))
                self._out += encode(given)
                if isinstance(given, Failed) and given.kind is Kind.UNAVAILABLE:
                    self._send()
                    return False
                if monotonic() - self._since > _HOLD:
                    self._send()
            self._send()
        return True

    def _answer(self, request: Request) -> Answer:
        from signerd.providers.pkcs11.token import Token, failed

        try:
            if self._token is not None:
                return self._token.answer(request)
            if not isinstance(request, Hello):
                return Failed(request.number, Kind.REFUSED, "no token was opened")
            self._token = Token(request)
            return self._token.ready(request.number)
        except Exception as error:  # noqa: BLE001 - a module's fault may be anything
            return failed(request.number, error)

    def _send(self) -> None:
        self._connection.sendall(self._out)
        self._out.clear()
        self._since = monotonic()


if __name__ == "__main__":
    sys.exit(main())
