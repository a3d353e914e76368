"""Errors that all providers have. What vendors say is kept in the log, cleaned of secrets; callers learn the kind."""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from signerd.core.algorithms import Algorithm
from signerd.errors import Reason, SignerdError

LONGEST = 300
"""Characters of a vendor's text that are logged."""

_REMOVED = "[removed]"
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# What is a secret by its form, known to us or not: tokens (Vault, Google, bearer, JWT), private keys, PINs in URIs.
_FORMS = re.compile(
    r"\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}"
    r"|\bya29\.[A-Za-z0-9_-]+"
    r"|(?<=bearer )[A-Za-z0-9._~+/=-]+"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*"
    r"|(?<=pin-value=)[^&;\s]+",
    re.IGNORECASE,
)


def failed(
    logger: logging.Logger,
    provider: str,
    reason: Reason,
    vendor: object,
    *,
    secrets: Iterable[bytes | str] = (),
    retry_after: float | None = None,
    what: str = "",
) -> SignerdError:
    """Log what the vendor said, an exception or a text, and build the error for the caller, which does not repeat it.

    `what` says what could not be done, in our words; `retry_after` is in seconds.
    """
    kind = type(vendor).__name__ if isinstance(vendor, BaseException) else ""
    said = cleaned(f"{kind}: {vendor}" if kind else vendor, secrets)
    what = what or reason.value.meaning.rstrip(".")
    logger.warning("provider %s: %s: %s: %s", provider, reason.name, what, said)
    return SignerdError(
        reason, f"provider {provider!r}: {what}{f' ({kind})' if kind else ''}", retry_after=retry_after
    )


def unsupported(algorithm: Algorithm, why: str, others: Iterable[Algorithm]) -> SignerdError:
    """The refusal of an algorithm, which names those that could be taken."""
    names = ", ".join(map(str, others)) or "none of signerd's"
    return SignerdError(
        Reason.ALGORITHM_UNSUPPORTED, f"{algorithm}: {why}; possible are {names}", field="algorithm"
    )


def cleaned(text: object, secrets: Iterable[bytes | str] = ()) -> str:
    """The text on one line, without the secrets however they are written, and not longer than what is logged."""
    shown = str(text)
    for form in sorted({form for secret in secrets for form in spellings(secret)}, key=len, reverse=True):
        shown = shown.replace(form, _REMOVED)
    shown = _FORMS.sub(_REMOVED, _UNSEEN.sub(" ", shown)).strip()
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def spellings(secret: bytes | str) -> Iterator[str]:
    """The ways in which a message may hold a secret."""
    raw = secret.encode(errors="surrogateescape") if isinstance(secret, str) else secret
    if not raw:
        return
    text = raw.decode(errors="replace")
    yield text
    yield from (text.strip(),) if text.strip() else ()
    yield repr(text)[1:-1]
    yield repr(raw)[2:-1]
    yield quote(raw, safe="")
    yield raw.hex()
    yield b64encode(raw).decode().rstrip("=")
