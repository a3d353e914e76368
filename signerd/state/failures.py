"""What databases raise, as SignerdError."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from signerd.errors import Reason, SignerdError

RETRY_AFTER = 1.0
MAX_DETAIL = 200


def unavailable(location: object, error: BaseException) -> SignerdError:
    """STATE_UNAVAILABLE with the driver's own words, without statement, parameters and credentials."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    # SQLAlchemy wraps what asyncpg raises twice.
    cause = cause.__cause__ or cause
    detail = str(cause).partition("\n")[0][:MAX_DETAIL] or type(cause).__name__
    return SignerdError(
        Reason.STATE_UNAVAILABLE,
        f"the state database {location} can't be used: {detail}; see that it runs and can be written",
        retry_after=RETRY_AFTER,
    )
