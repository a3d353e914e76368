"""What callers may filter audit records by, checked."""

from __future__ import annotations

import re
from typing import Final

from signerd.audit.filters import TEXTS, Filter
from signerd.audit.segments import SHARD
from signerd.core.names import check_key_name
from signerd.errors import Reason, SignerdError

OUTCOMES: Final = ("", "ok", "refused", "failed")
LONGEST: Final = 1024
LARGEST: Final = (1 << 53) - 1
_DIGEST: Final = re.compile(r"[a-z0-9-]+:[0-9a-f]+")


def check_filter(wanted: Filter) -> None:
    """Raise KEY_NAME_INVALID or REQUEST_MALFORMED for a filter that no record can match."""
    if wanted.key:
        check_key_name(wanted.key)
    if not 0 <= wanted.version <= LARGEST:
        raise malformed("version", f"{wanted.version} is no version; 0 is any")
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise malformed("until", "is not later than since")
    for name in TEXTS:
        if len(getattr(wanted, name)) > LONGEST:
            raise malformed(name, f"is longer than {LONGEST} characters")
    _check_forms(wanted)


def _check_forms(wanted: Filter) -> None:
    if wanted.outcome not in OUTCOMES:
        raise malformed("outcome", f"{wanted.outcome[:32]!r} is not ok, refused or failed")
    if wanted.digest and not _DIGEST.fullmatch(wanted.digest):
        raise malformed("digest", f"{wanted.digest[:80]!r} is not such as sha256:HEX, in lower case")
    if wanted.shard and not SHARD.fullmatch(wanted.shard):
        raise malformed("shard", f"{wanted.shard[:64]!r} is not the name of a shard")


def malformed(field: str, problem: str) -> SignerdError:
    """REQUEST_MALFORMED for a field of the filter."""
    return SignerdError(Reason.REQUEST_MALFORMED, f"filter: {field} {problem}", field=f"filter.{field}")
