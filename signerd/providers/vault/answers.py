"""What Vault's answers mean: the one place that turns a status and its error texts into a SignerdError."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from signerd.errors import Reason, SignerdError
from signerd.providers.failures import failed

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

OK = 200
NO_CONTENT = 204
DENIED = (401, 403)
NOT_FOUND = 404
_FIRST_FAILURE = 500

# Texts of transit's errors: the same one comes with status 400 or 500, alone or for one item of a batch.
_TEXTS: tuple[tuple[str, Reason, str], ...] = (
    ("signing key not found", Reason.KEY_MATERIAL_UNREADABLE, "there is no such key"),
    ("higher than the latest key version", Reason.KEY_MATERIAL_UNREADABLE, "the key has no such version"),
    ("no such key version", Reason.KEY_MATERIAL_UNREADABLE, "the key has no such version any more"),
    ("does not contain a private part", Reason.KEY_MATERIAL_UNREADABLE, "only the public key was imported"),
    (
        "minimum encryption key version",
        Reason.KEY_MATERIAL_DISABLED,
        "min_encryption_version is above the version",
    ),
    ("disallowed by policy", Reason.KEY_MATERIAL_DISABLED, "min_decryption_version is above the version"),
    ("soft-deleted", Reason.KEY_MATERIAL_DISABLED, "the key is soft-deleted"),
    ("used with an existing key", Reason.KEY_EXISTS, "a key of that name exists"),
    ("no handler for route", Reason.PROVIDER_REFUSED, "no secrets engine is mounted at that path"),
    ("namespace not found", Reason.PROVIDER_REFUSED, "there is no such namespace"),
    ("is sealed", Reason.PROVIDER_UNAVAILABLE, "it is sealed"),
    ("not initialized", Reason.PROVIDER_UNAVAILABLE, "it is not initialized"),
)
_STATUSES: dict[int, tuple[Reason, str]] = {
    307: (Reason.PROVIDER_UNAVAILABLE, "a standby node sends elsewhere; give the address of the active one"),
    401: (Reason.PROVIDER_DENIED, "permission denied"),
    403: (Reason.PROVIDER_DENIED, "permission denied"),
    404: (Reason.KEY_MATERIAL_UNREADABLE, "there is no such key"),
    412: (Reason.PROVIDER_UNAVAILABLE, "the node is behind the others"),
    429: (Reason.PROVIDER_THROTTLED, "too many requests"),
    472: (Reason.PROVIDER_UNAVAILABLE, "the node is a standby of another cluster"),
    473: (Reason.PROVIDER_UNAVAILABLE, "the node is a performance standby"),
}
_THROTTLED_SECONDS = 1.0


class _Errors(msgspec.Struct):
    errors: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an HTTP answer; `retry_after` in seconds where it named some."""

    status: int
    body: bytes
    retry_after: float | None = None

    @property
    def denied(self) -> bool:
        """Whether the token was not good enough, or is no longer one."""
        return self.status in DENIED

    @property
    def errors(self) -> list[str]:
        """The texts of an error; empty where the body is something else."""
        return self._errors() or []

    @property
    def absent(self) -> bool:
        """Whether what was read is not there: a 404 with no errors in its list; a mount that is missing has some."""
        return self.status == NOT_FOUND and self._errors() == []

    @property
    def lost(self) -> bool:
        """Whether the request did not get to Vault: its own 404 has a list of errors, a proxy's page has none."""
        return self.status == NOT_FOUND and self._errors() is None

    def _errors(self) -> list[str] | None:
        try:
            return msgspec.json.decode(self.body, type=_Errors).errors
        except msgspec.DecodeError:
            return None


class Reader:
    """Reads the answers that one provider gets."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def checked(self, answer: Answer, what: str, secrets: Iterable[bytes | str] = ()) -> Answer:
        """Give the answer back if it is one of success; raises what its status and its texts mean."""
        if answer.status in (OK, NO_CONTENT):
            return answer
        if answer.lost:
            raise self.unreadable(f"status {answer.status} that is not Vault's", what)
        said = "; ".join(answer.errors) or f"status {answer.status}"
        reason, meaning = _meaning(answer.status, said)
        wait = answer.retry_after
        if reason is Reason.PROVIDER_THROTTLED and wait is None:
            wait = _THROTTLED_SECONDS
        raise failed(
            _log,
            self._provider,
            reason,
            f"status {answer.status}: {said}",
            secrets=secrets,
            retry_after=wait,
            what=f"{what}: {meaning}",
        )

    def data(self, answer: Answer, type_: type[_T], what: str) -> _T:
        """The body as that type; raises PROVIDER_UNAVAILABLE for anything else, such as a proxy's page."""
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except msgspec.DecodeError as error:
            raise self.unreadable(str(error), what) from None

    def item_refused(self, text: str, what: str) -> SignerdError:
        """The error of one item of a batch."""
        reason, meaning = _meaning(400, text)
        return failed(_log, self._provider, reason, text, what=f"{what}: {meaning}")

    def strange(self, said: str, what: str) -> SignerdError:
        """The error for an answer of Vault's about something that signerd does not understand."""
        return failed(
            _log,
            self._provider,
            Reason.PROVIDER_INTEGRITY,
            said,
            what=f"{what}: what Vault tells of it is not understood",
        )

    def unreadable(self, said: str, what: str) -> SignerdError:
        """The error for an answer that is not one of Vault's."""
        return failed(
            _log, self._provider, Reason.PROVIDER_UNAVAILABLE, said, what=f"{what}: the answer can't be read"
        )

    def wrong(self, said: str, what: str) -> SignerdError:
        """The error for an answer that is not about what was asked."""
        return failed(
            _log,
            self._provider,
            Reason.PROVIDER_INTEGRITY,
            said,
            what=f"{what}: {said}; nothing was released",
        )

    def unreachable(self, error: BaseException, what: str, *, timeout: bool) -> SignerdError:
        """The error for a request without an answer."""
        reason = Reason.PROVIDER_TIMEOUT if timeout else Reason.PROVIDER_UNAVAILABLE
        meaning = "no answer in time" if timeout else "it can't be reached"
        return failed(_log, self._provider, reason, error, what=f"{what}: {meaning}")


def _meaning(status: int, said: str) -> tuple[Reason, str]:
    lowered = said.lower()
    for text, reason, meaning in _TEXTS:
        if text in lowered:
            return reason, meaning
    if status in _STATUSES:
        return _STATUSES[status]
    if status >= _FIRST_FAILURE:
        return Reason.PROVIDER_UNAVAILABLE, f"status {status}"
    return Reason.PROVIDER_REFUSED, f"status {status}"
