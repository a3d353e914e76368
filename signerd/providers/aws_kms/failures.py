"""What the failures of AWS KMS mean to signerd."""

from __future__ import annotations

import logging
import re

from signerd.connections.aws import Told
from signerd.errors import Reason, SignerdError
from signerd.providers.failures import failed

PAUSE = 1.0
"""Seconds after which it is worth trying again: quotas count by the second, and the SDK has tried twice."""

_log = logging.getLogger(__name__)

_BY_REASON = {
    Reason.PROVIDER_THROTTLED: (
        "LimitExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ),
    Reason.PROVIDER_DENIED: (
        "AccessDenied",
        "AccessDeniedException",
        "CredentialRetrievalError",
        "ExpiredToken",
        "ExpiredTokenException",
        "FileNotFoundError",  # of a web identity's token
        "IDPRejectedClaim",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSignatureException",
        "KMSOptInRequired",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NoAuthTokenError",
        "NoCredentialsError",
        "OptInRequired",
        "PartialCredentialsError",
        "PermissionError",
        "SSOTokenLoadError",
        "SignatureDoesNotMatch",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "UnrecognizedClientException",
    ),
    Reason.KEY_MATERIAL_UNREADABLE: ("InvalidArnException", "NotFoundException"),
    Reason.KEY_MATERIAL_DISABLED: ("DisabledException", "KMSInvalidStateException"),
    Reason.KEY_EXISTS: ("AlreadyExistsException",),
    Reason.ALGORITHM_UNSUPPORTED: ("UnsupportedOperationException",),
    Reason.PROVIDER_TIMEOUT: ("ConnectTimeoutError", "DependencyTimeoutException", "ReadTimeoutError"),
    Reason.PROVIDER_UNAVAILABLE: (
        "IDPCommunicationError",
        "KMSInternalException",
        "KeyUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
    ),
    Reason.PROVIDER_REFUSED: (
        "InvalidCiphertextException",
        "InvalidKeyUsageException",
        "TagException",
        "ValidationException",
    ),
}
_OWN = frozenset({"AccessDenied", "AccessDeniedException"})
"""Denied is the call or the key that it was about: other keys may well be signed with."""
_TROUBLE = frozenset({Reason.PROVIDER_UNAVAILABLE, Reason.PROVIDER_TIMEOUT, Reason.PROVIDER_DENIED})
_REASONS = {code: reason for reason, codes in _BY_REASON.items() for code in codes}
_LATER = frozenset({Reason.PROVIDER_THROTTLED, Reason.PROVIDER_UNAVAILABLE})
_REFUSED, _DENIED, _TOO_MANY, _SERVER_FAULT = 400, 403, 429, 500
# A refused signature comes back with the request that it should have been for, session token and all.
_UNKNOWN_SPEC = re.compile(r"'keySpec' failed to satisfy constraint: Member must satisfy enum", re.IGNORECASE)
_TOKEN = re.compile(r"(?<=x-amz-security-token:)\S+", re.IGNORECASE)


def reason_of(failure: Told) -> Reason:
    """The reason for AWS's code or the SDK's exception; unknown ones go by the HTTP status."""
    reason = _REASONS.get(failure.code)
    if reason is Reason.PROVIDER_REFUSED and _UNKNOWN_SPEC.search(failure.text):
        return Reason.ALGORITHM_UNSUPPORTED
    if reason is not None:
        return reason
    if failure.status == _TOO_MANY:
        return Reason.PROVIDER_THROTTLED
    if failure.status == _DENIED:
        return Reason.PROVIDER_DENIED
    if _REFUSED <= failure.status < _SERVER_FAULT:
        return Reason.PROVIDER_REFUSED
    return Reason.PROVIDER_UNAVAILABLE


def is_trouble(failure: Told) -> bool:
    """Whether it would befall all calls: AWS does not answer, or refuses the credentials."""
    return failure.code not in _OWN and reason_of(failure) in _TROUBLE


def failure(failed_with: Told, provider: str, operation: str, secrets: tuple[str, ...]) -> SignerdError:
    """Log what failed, without secrets, and build the error for the caller, which tells AWS's code."""
    reason = reason_of(failed_with)
    return failed(
        _log,
        provider,
        reason,
        _TOKEN.sub("[removed]", failed_with.text),
        secrets=secrets,
        retry_after=PAUSE if reason in _LATER else None,
        what=_what(failed_with, operation),
    )


def expected(failed_with: Told, provider: str, operation: str) -> SignerdError:
    """The error for what the caller reckons with: it is not logged."""
    what = _what(failed_with, operation)
    return SignerdError(reason_of(failed_with), f"provider {provider!r}: {what}")


def _what(failed_with: Told, operation: str) -> str:
    return f"AWS KMS answers {operation} with {failed_with.code[:64]}"
