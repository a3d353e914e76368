"""What the callers of a listener may call: everything, or what their role allows by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from signerd.errors import Reason, SignerdError

Role = Literal["full", "auditor"]
AUDITOR: Final = frozenset(
    {
        "Audit/ListRecords",
        "Audit/GetRecord",
        "Audit/GetProof",
        "Audit/GetCheckpoint",
        "Audit/ListLogKeys",
        "Audit/TailRecords",
        "Audit/ExportRecords",
        "Admin/GetStatus",
        "Evidence/GetHeads",
        "Evidence/GetEntries",
        "Evidence/GetInclusions",
        "Evidence/ListGrants",
        "Evidence/RecordEvidence",
        "Keys/GetKey",
        "Keys/ListKeys",
    }
)
_ALLOWED: Final[Mapping[Role, frozenset[str]]] = {"auditor": AUDITOR}
"""Methods by role, one by one: a new method is for nobody but those who may do everything."""


def may_call(role: Role, path: str) -> bool:
    """Whether the role allows a method, `Signer/Sign`."""
    return role == "full" or path in _ALLOWED[role]


def denied(role: Role) -> SignerdError:
    """Why a call is refused."""
    return SignerdError(
        Reason.CALLER_DENIED,
        f"this listener has role {role}: it reads the audit log and what evidence is made of, nothing else",
    )
