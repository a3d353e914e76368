"""Who asks: the authenticated identity of a request."""

from __future__ import annotations

from dataclasses import dataclass

from signerd.errors import SignerdError


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
UNKNOWN = Caller(subject="unknown", proof="none", listener="")


class Unproven(SignerdError):
    """A refused log-in: nothing was proven but where it came from, which is what `caller` says."""

    def __init__(self, why: SignerdError, caller: Caller) -> None:
        super().__init__(why.reason, why.message, field=why.field, retry_after=why.retry_after)
        self.caller = caller
