"""Settings of the audit log's sinks: one section for each type. Durations are in seconds."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from signerd.config_providers import Url
from signerd.config_values import Address, Duration, FilePath, Name, Section, problem
from signerd.core.quantities import split_address

Facility = Literal[
    "user", "daemon", "auth", "authpriv", "audit",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip


class SinkTls(Section):
    """Whom to trust, as whom to connect, and the name that the server's certificate must have."""

    ca: FilePath | None = None
    cert: FilePath | None = None
    key: FilePath | None = None
    server_name: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise problem("cert", "goes with key; give both or neither")
        return self


class SinkSection(Section):
    """What all sinks have in common.

    `timeout` limits a delivery, with its connection and its answer; `queue` is how many records an optional sink may be
    behind before it leaves some out.
    """

    name: Name
    required: bool = False
    timeout: Annotated[Duration, Field(gt=0, le=60)] = 5.0
    queue: Annotated[int, Field(ge=1000, le=1_000_000_000)] = 1_000_000


class FileSink(SinkSection):
    """JSON Lines in a file that others rotate."""

    type: Literal["file"]
    path: FilePath


class SyslogSink(SinkSection):
    """Syslog (RFC 5424) over TCP, with TLS (RFC 5425) where the section `tls` is there."""

    type: Literal["syslog"]
    address: Address
    facility: Facility = "audit"
    tls: SinkTls | None = None
    insecure_plaintext: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tls is not None and self.insecure_plaintext:
            raise problem("insecure_plaintext", "contradicts tls; remove one of them")
        host, _ = split_address(self.address)
        if self.tls is None and not self.insecure_plaintext and not _is_here(host):
            raise problem("address", "gets records in the clear; give tls, or set insecure_plaintext: true")
        return self


class HttpSink(SinkSection):
    """CloudEvents, sent in batches with POST."""

    type: Literal["http"]
    url: Url
    token_file: FilePath | None = None
    tls: SinkTls | None = None
    insecure_plaintext: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        secure = self.url.startswith("https:")
        if self.tls is not None and not secure:
            raise problem("tls", "has no meaning without https")
        if not (secure or self.insecure_plaintext or _is_here(urlsplit(self.url).hostname)):
            raise problem("url", "gets records in the clear; use https, or set insecure_plaintext: true")
        return self


SinkConfig = Annotated[FileSink | SyslogSink | HttpSink, Field(discriminator="type")]


def _is_here(host: str | None) -> bool:
    """Whether what is sent there stays on this machine."""
    return host in ("localhost", "127.0.0.1", "::1")
