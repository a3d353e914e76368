"""The configuration: frozen models of the one YAML file. Reading it is in config_file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from signerd.config_budget import BudgetSection
from signerd.config_checkpoints import MirrorSection, WitnessSection
from signerd.config_providers import ProviderConfig
from signerd.config_sinks import SinkConfig
from signerd.config_values import (
    Address,
    Duration,
    FilePath,
    Name,
    Section,
    Size,
    SocketPath,
    check_mode,
    problem,
)
from signerd.core.quantities import parse_mode


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("sqlite", "postgresql"):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if parts.scheme == "sqlite" and not value.startswith("sqlite:////"):
        raise ValueError("needs an absolute path: sqlite:////var/lib/signerd/state.db")
    if parts.password is not None or "password" in parts.query.lower():
        raise ValueError("has a password in it; put it in a file and name that in password_file")
    return value


def _doubled(names: Iterable[str]) -> str:
    """The first name that is there twice; empty if none is."""
    return next((name for name, count in Counter(names).items() if count > 1), "")


class Tls(Section):
    """Server certificate and key (PEM), and the CA whose client certificates are taken."""

    cert: FilePath
    key: FilePath
    client_ca: FilePath | None = None


class Listener(Section):
    """One gRPC listener: a Unix socket or a TCP address. Its name is the identity of who connects to a socket.

    Callers of one with the role `auditor` read the audit log and do nothing else.
    """

    name: Name
    unix: SocketPath | None = None
    mode: Annotated[str, BeforeValidator(check_mode)] | None = None
    owner: str | None = None
    tcp: Address | None = None
    tls: Tls | None = None
    insecure_plaintext: bool = False
    insecure_no_client_auth: bool = False
    role: Literal["full", "auditor"] = "full"

    @property
    def permissions(self) -> int:
        """Mode bits of the socket; 0600 unless set."""
        return parse_mode(self.mode or "0600")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.unix is None) == (self.tcp is None):
            raise problem("name", "needs either unix or tcp")
        if self.unix is not None:
            self._check_unix()
        else:
            self._check_tcp()
        return self

    def _check_unix(self) -> None:
        for field in ("tls", "insecure_plaintext", "insecure_no_client_auth"):
            if getattr(self, field):
                raise problem(field, "has no meaning on a Unix socket")

    def _check_tcp(self) -> None:
        for field in ("mode", "owner"):
            if getattr(self, field) is not None:
                raise problem(field, "has no meaning on a TCP listener")
        if self.tls is None and not self.insecure_plaintext:
            raise problem("tcp", "has no tls; give cert, key and client_ca, or set insecure_plaintext: true")
        if self.tls is not None and self.insecure_plaintext:
            raise problem("insecure_plaintext", "contradicts tls; remove one of them")
        if self.tls is not None and self.tls.client_ca is None and not self.insecure_no_client_auth:
            raise problem("tls", "has no client_ca; name one, or set insecure_no_client_auth: true")


class Http(Section):
    """The plain HTTP listener for health and metrics: it shows no secrets and signs nothing."""

    listen: Address | None = None
    unix: SocketPath | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.unix is None) == (self.listen is None):
            raise problem("listen", "http needs either listen or unix")
        return self


class State(Section):
    """The state database; `key_file` authenticates its rows, `password_file` holds PostgreSQL's password."""

    url: Annotated[str, AfterValidator(_check_url)]
    password_file: FilePath | None = None
    key_file: FilePath


class Audit(Section):
    """The audit log: how long a group of records waits for more (seconds), and how large a file gets.

    `provider` keeps the key that signs checkpoints; without it the default provider does, or the first that can.
    `retention`: records that are older are deleted; without it none are.
    `heartbeat`: after so long without a record there is one all the same. `reserve`: free space that is kept for
    records of administration; a tenth of the file system, at most 1 GiB, if it is not set.
    """

    directory: FilePath
    gather: Annotated[Duration, Field(le=1.0)] = 0.005
    segment: Annotated[Size, Field(ge=1 << 20, le=1 << 40)] = 16 << 20
    reserve: Annotated[Size, Field(ge=0, le=1 << 50)] | None = None
    provider: Name | None = None
    checkpoint_interval: Annotated[Duration, Field(ge=0.1, le=3600)] = 5.0
    heartbeat: Annotated[Duration, Field(ge=1, le=86_400)] = 300.0
    retention: Annotated[Duration, Field(ge=86_400)] | None = None
    witnesses: WitnessSection | None = None
    mirror: MirrorSection | None = None
    budget: BudgetSection = BudgetSection()
    sinks: Annotated[tuple[SinkConfig, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        doubled = _doubled(sink.name for sink in self.sinks)
        if doubled:
            raise problem("sinks", f"has two of the name {doubled}")
        return self


class Limits(Section):
    """How much is taken: bytes of a request and a payload, requests under way, streams of a connection."""

    request: Annotated[Size, Field(ge=4096, le=64 << 20)] = 4 << 20
    payload: Annotated[Size, Field(ge=1024, le=64 << 20)] = 3 << 20
    concurrent: Annotated[int, Field(ge=1, le=100_000)] = 1000
    streams: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.payload > self.request:
            raise problem("payload", "is larger than limits.request")
        return self


class Checks(Section):
    """How often every key is checked at its provider, in seconds; 0 is never."""

    interval: Annotated[Duration, Field(le=7 * 86400)] = 3600.0


class Log(Section):
    """Level and format of the daemon's log; `auto` is console on a terminal, else JSON."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Config(Section):
    """All settings, with every default filled in by config_file."""

    home: FilePath
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    listeners: Annotated[tuple[Listener, ...], Field(strict=False, min_length=1)]
    http: Http | None = None
    state: State
    audit: Audit
    providers: Annotated[Mapping[Name, ProviderConfig], Field(min_length=1)]
    default_provider: str
    limits: Limits = Limits()
    checks: Checks = Checks()
    log: Log = Log()
    drain: Annotated[Duration, Field(le=3600)] = 5.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.default_provider not in self.providers:
            raise problem("default_provider", "is not one of providers")
        if self.audit.provider is not None and self.audit.provider not in self.providers:
            raise problem("audit", f"has a provider {self.audit.provider!r}, which is not one of providers")
        doubled = _doubled(listener.name for listener in self.listeners)
        if doubled:
            raise problem("listeners", f"has two of the name {doubled}")
        if self.workers > 1 and any(provider.type == "memory" for provider in self.providers.values()):
            raise problem("workers", "must be 1 with a memory provider: its keys live in one process")
        return self

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know of: the settings that make the daemon less safe."""
        found = []
        for listener in self.listeners:
            for setting in ("insecure_plaintext", "insecure_no_client_auth"):
                if getattr(listener, setting):
                    found.append(f"listener {listener.name}: {setting} is set, callers are not authenticated")
        for name, provider in self.providers.items():
            if provider.type == "memory":
                found.append(f"provider {name}: its keys are gone when the daemon stops")
        for sink in self.audit.sinks:
            if getattr(sink, "insecure_plaintext", False):
                found.append(f"sink {sink.name}: insecure_plaintext is set, records are sent in the clear")
        return tuple(found)

    def password_variables(self) -> tuple[str, ...]:
        """Environment variables that hold passwords of providers."""
        return tuple(name for provider in self.providers.values() for name in provider.variables())
