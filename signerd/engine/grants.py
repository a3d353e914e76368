"""Who may do what: one list, from whatever decides it. Today that is the listeners of the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from signerd.authz.roles import AUDITOR
from signerd.config import Listener

ALL: Final = "*"


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """`subject`, proven by `proof` at `listener`, may do `operations` with `keys`; `source` says so.

    A subject that ends with `*` stands for all that begin so. Operations are methods, `Signer/Sign`; `*` stands
    for all operations or keys.
    """

    listener: str
    subject: str
    proof: str
    operations: tuple[str, ...]
    keys: tuple[str, ...]
    source: str


def grants_of(listeners: Iterable[Listener]) -> list[Grant]:
    """What the listeners grant, in order: whoever gets in may do what the listener's role allows."""
    return sorted(
        Grant(one.name, subject, proof, *_allowed(one), f"listeners.{one.name}.{setting}")
        for one in listeners
        for subject, proof, setting in _identities(one)
    )


def _allowed(listener: Listener) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Operations and keys: an auditor may use none."""
    return ((ALL,), (ALL,)) if listener.role == "full" else (tuple(sorted(AUDITOR)), ())


def _identities(listener: Listener) -> list[tuple[str, str, str]]:
    if listener.unix is not None:
        return [(f"unix:{listener.name}", "unix-socket", f"unix, mode {listener.permissions:04o}")]
    if listener.tls is None or listener.tls.client_ca is None:
        return [(f"insecure:{listener.name}", "none", "insecure_plaintext or insecure_no_client_auth")]
    return [("spiffe://*", "mtls", "tls.client_ca"), ("x509:*", "mtls", "tls.client_ca")]
