"""Page sizes and page tokens of the list of records."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from signerd.errors import Reason, SignerdError

DEFAULT_SIZE: Final = 50
LARGEST_SIZE: Final = 1000
LONGEST_TOKEN: Final = 16384

_Positions = dict[str, Annotated[int, msgspec.Meta(ge=1)]]


def checked_size(size: int) -> int:
    """The size to use for a page; 0 is the default. Raises PAGE_INVALID."""
    if not 0 <= size <= LARGEST_SIZE:
        raise SignerdError(
            Reason.PAGE_INVALID, f"page_size is {size}, must be 0 to {LARGEST_SIZE}", field="page_size"
        )
    return size or DEFAULT_SIZE


def token(positions: Mapping[str, int]) -> str:
    """Token for the page that begins at these sequences, one for each shard that has more; empty if none has."""
    return base64.urlsafe_b64encode(msgspec.json.encode(positions)).decode() if positions else ""


def positions(page_token: str) -> dict[str, int] | None:
    """What a token says; None for the first page. Raises PAGE_INVALID."""
    if not page_token:
        return None
    try:
        if len(page_token) > LONGEST_TOKEN:
            raise ValueError
        plain = base64.b64decode(page_token, altchars=b"-_", validate=True)
        return msgspec.json.decode(plain, type=_Positions)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise SignerdError(
            Reason.PAGE_INVALID,
            "page_token was not made by this daemon; use next_page_token of the page before",
            field="page_token",
        ) from None
