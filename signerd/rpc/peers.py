"""Who calls: from the listener and what the transport has proven."""

from __future__ import annotations

from signerd.authz.identity import UNKNOWN, Caller, Unproven
from signerd.errors import Reason, SignerdError
from signerd.rpc.calls import Context, Identify


def unix_identity(listener: str) -> Identify:
    """Callers on a Unix socket are known by the socket: its directory and mode decide who can connect."""
    caller = Caller(subject=f"unix:{listener}", proof="unix-socket", listener=listener)
    return lambda context: caller


def certificate_identity(listener: str) -> Identify:
    """Callers with TLS are known by their client certificate; raises Unproven without one."""
    # Certificates cost 2 MB to read: only where there is TLS.
    from signerd.authz.certificates import subject_of

    def identify(context: Context) -> Caller:
        chain, peer = context.auth_context().get("x509_pem_cert"), context.peer()
        try:
            if not chain:
                raise SignerdError(Reason.CALLER_UNAUTHENTICATED)
            return Caller(subject_of(next(iter(chain))), "mtls", listener, peer)
        except SignerdError as error:
            raise Unproven(error, Caller(UNKNOWN.subject, UNKNOWN.proof, listener, peer)) from None

    return identify


def open_identity(listener: str) -> Identify:
    """Callers of a listener that a setting with `insecure` in its name opened to everybody."""
    return lambda context: Caller(f"insecure:{listener}", "none", listener, context.peer())
