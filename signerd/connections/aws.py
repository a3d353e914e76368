"""Connections to AWS: the one place that imports boto3, on first use, and knows its exceptions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast

from signerd import __version__
from signerd.errors import Reason, SignerdError

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_kms.client import KMSClient


class S3(Protocol):
    """What is used of boto3's client of S3."""

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """An object; its `Body` is a stream."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object:  # noqa: N803
        """Write an object."""

    def close(self) -> None:
        """Close the connections."""


_Client = TypeVar("_Client", "KMSClient", S3)
# At debug they log request headers and the answers of STS: signatures, session tokens and secret keys.
_TALKATIVE = ("boto3", "botocore", "s3transfer")
_LOOK_AGAIN = 5.0  # seconds: the metadata service is asked for a second each time


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """An access key; `token` belongs to temporary ones."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """Where to connect and as whom: with `keys`, a `profile` of the SDK's files, or what its default chain finds."""

    region: str
    endpoint: str | None = None
    profile: str | None = None
    keys: AccessKeys | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect and to wait for an answer, tries in all (mode `standard`), and connections kept open."""

    seconds: float
    attempts: int
    connections: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a failed call: AWS's code or the exception's class, the text, the HTTP status (0: none)."""

    code: str
    text: str = ""
    status: int = 0


class _Connection(Generic[_Client]):
    """A client of one AWS service, made when it is first needed; any thread may ask.

    Making it reads files and may ask the metadata service for credentials: keep it off the event loop.
    """

    service: ClassVar[str]

    def __init__(self, access: Access, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._limits = limits
        self._clock = clock
        self._client: _Client | None = None
        self._made_at = 0.0
        self._lock = Lock()

    def client(self) -> _Client:
        """The client, the same for all threads."""
        return self._client or self._made()

    def _made(self) -> _Client:
        with self._lock:
            if self._client is None:
                config = _config(self._limits)
                session = _session(self._access, config)
                make = cast("Any", session).client
                self._client = make(self.service, endpoint_url=self._access.endpoint, config=config)
                self._made_at = self._clock()
            return cast("_Client", self._client)

    def look_again(self) -> None:
        """Look for credentials again, at most every few seconds: a client made without never finds any."""
        if self._clock() - self._made_at > _LOOK_AGAIN:
            self._client = None

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


class KmsConnection(_Connection["KMSClient"]):
    """A client of AWS KMS."""

    service = "kms"


class S3Connection(_Connection[S3]):
    """A client of S3."""

    service = "s3"


def check_profile(profile: str | None) -> None:
    """Raise CONFIG_INVALID unless the SDK's files have the profile, or none is asked for."""
    if profile is None:
        return
    from boto3.session import Session

    known = Session().available_profiles
    if profile not in known:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"there is no profile {profile!r} in the AWS configuration files; known: {', '.join(known) or 'none'}",
            field="profile",
        )


def told(error: BaseException) -> Told:
    """Read an exception of the SDK. The text of an unknown one is left out: it may hold an answer with secrets."""
    from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError

    name = type(error).__name__
    if isinstance(error, ClientError):
        detail, answer = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        status = int(answer.get("HTTPStatusCode", 0))
        return Told(str(detail.get("Code", name)), str(detail.get("Message", "")), status)
    if isinstance(error, OSError):
        return Told(name, f"{error.strerror}: {error.filename}")
    if isinstance(error, BotoCoreError) and not isinstance(error, CredentialRetrievalError):
        return Told(name, str(error))
    return Told(name)


def _session(access: Access, config: Config) -> Session:
    from boto3.session import Session
    from botocore.session import get_session

    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    core = get_session()
    # For the clients of the credential chain too (STS), which would wait for 60 s.
    core.set_default_client_config(config)
    keys = access.keys
    return Session(
        botocore_session=core,
        region_name=access.region,
        profile_name=access.profile,
        aws_access_key_id=keys.id if keys else None,
        aws_secret_access_key=keys.secret if keys else None,
        aws_session_token=keys.token if keys else None,
    )


def _config(limits: Limits) -> Config:
    import boto3
    from botocore.config import Config

    return Config(
        connect_timeout=limits.seconds,
        read_timeout=limits.seconds,
        max_pool_connections=limits.connections,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
        # Our requests are typed; checking them, and composing a user agent for each, takes a tenth of a call.
        parameter_validation=False,
        user_agent=f"signerd/{__version__} boto3/{boto3.__version__}",
        tcp_keepalive=True,
    )
