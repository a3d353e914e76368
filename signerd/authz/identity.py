"""Who asks: the authenticated identity of a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    `subject` is one string per identity: `unix:NAME` for the socket of that name, `spiffe://…` or `x509:CA/NAME` for a
    client certificate. `proof` tells how it was proven, `listener` where it came in, `peer` the network address.
    """

    subject: str
    proof: str
    listener: str
    peer: str = ""


DAEMON = Caller(subject="signerd", proof="self", listener="")
