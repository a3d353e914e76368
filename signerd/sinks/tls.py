"""TLS as a client: whom to trust and as whom to connect."""

from __future__ import annotations

import ssl

from signerd.config_sinks import SinkTls
from signerd.errors import Reason, SignerdError


def client_context(tls: SinkTls, sink: str) -> ssl.SSLContext:
    """Settings for a connection, with the files as they are now; the server's name is checked.

    Raises CONFIG_INVALID where a file can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.cert is not None:
            # A password would be asked for on the terminal.
            context.load_cert_chain(tls.cert, tls.key, password="")
    except (OSError, ValueError) as error:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"sink {sink}: ca, cert or key can't be used: {_why(error)}; they are PEM files, the key without password",
            field="audit.sinks",
        ) from None
    return context


def _why(error: OSError | ValueError) -> str:
    """Without what the file holds."""
    named = isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror
    return f"{named}" if named else type(error).__name__
