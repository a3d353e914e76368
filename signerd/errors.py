"""The one exception of signerd.

Every error that reaches a user has a stable reason code, a message that names the field, what is wrong with the value
and what to do.
"""

from __future__ import annotations

from signerd.codes import Code
from signerd.reasons import Reason

__all__ = ["FAILURES", "Reason", "SignerdError"]


class SignerdError(Exception):
    """An error with a stable reason.

    `field` is the path of the request or config field at fault, empty where none is. `retry_after` is in seconds, None
    where waiting does not help. `recorded` says that the audit log has it, `counted` that it is one of a number there.
    """

    def __init__(
        self, reason: Reason, message: str = "", *, field: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message or reason.value.meaning)
        self.reason = reason
        self.message = message or reason.value.meaning
        self.field = field
        self.retry_after = retry_after
        self.recorded = False
        self.counted = False

    @property
    def code(self) -> Code:
        """Canonical status code of the reason."""
        return self.reason.value.code

    @property
    def refused(self) -> bool:
        """Whether the request was at fault, as against something that failed on our side."""
        return self.code not in FAILURES

    def __repr__(self) -> str:
        return f"SignerdError({self.reason.name}, {self.message!r})"


FAILURES = frozenset(
    {Code.UNAVAILABLE, Code.INTERNAL, Code.DATA_LOSS, Code.DEADLINE_EXCEEDED, Code.CANCELLED, Code.UNKNOWN}
)
