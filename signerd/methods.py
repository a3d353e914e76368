"""What answers the calls of every listener: the use cases, and the methods that read and write their messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from signerd.config import Config
from signerd.config_providers import shown_settings
from signerd.engine.adoption import Adopter
from signerd.engine.auditing import AuditReader
from signerd.engine.checking import Checker
from signerd.engine.checkpointer import Checkpointer
from signerd.engine.creation import Creator
from signerd.engine.directory import Directory
from signerd.engine.discovery import Discoverer
from signerd.engine.evidence import EvidenceReader
from signerd.engine.grants import grants_of
from signerd.engine.log_rotation import LogKeyRotator
from signerd.engine.providers import ProviderReader
from signerd.engine.proving import Prover
from signerd.engine.recovery import Recovery
from signerd.engine.retention import Retention, holders
from signerd.engine.signer import Signer
from signerd.engine.status import StatusReader
from signerd.engine.streams import StreamSigner
from signerd.engine.tailing import RecordStreams
from signerd.engine.verifier import Verifier
from signerd.rpc.auditing import AuditMethods
from signerd.rpc.evidence import EvidenceMethods
from signerd.rpc.keeping import AdminMethods
from signerd.rpc.keys import KeysMethods
from signerd.rpc.material import MaterialMethods
from signerd.rpc.providers import ProvidersMethods
from signerd.rpc.server import Methods
from signerd.rpc.signing import SigningMethods


@dataclass(frozen=True, slots=True)
class Parts:
    """What of the engine others look at, besides the methods."""

    recovery: Recovery
    checker: Checker
    status: StatusReader
    streams: StreamSigner
    creator: Creator
    checkpointer: Checkpointer


def utc_now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


def build_methods(config: Config, parts: Parts) -> Methods:
    """The methods of one worker."""
    recovery, default = parts.recovery, config.default_provider
    keyring, recorder, store = recovery.keyring, recovery.recorder, recovery.store
    providers, shard = recovery.providers, recorder.log.shard
    directory = Directory(keyring, recorder)
    adopter = Adopter(keyring, recorder, store, providers, utc_now)
    prover = Prover(config.audit.directory, recorder.log, parts.checkpointer.covering)
    settings = {name: shown_settings(section) for name, section in config.providers.items()}
    return Methods(
        SigningMethods(
            Signer(keyring, recorder, config.limits.payload),
            parts.streams,
            Verifier(keyring, recorder),
            directory,
            shard,
            prover,
        ),
        KeysMethods(parts.creator, directory, shard),
        MaterialMethods(adopter, Discoverer(keyring, recorder, providers, default), parts.checker, shard),
        ProvidersMethods(ProviderReader(recorder, providers, default, settings)),
        build_auditing(config, parts, prover),
        AdminMethods(parts.status, LogKeyRotator(parts.checkpointer.key, utc_now), shard),
        build_evidence(config, parts),
    )


def build_auditing(config: Config, parts: Parts, prover: Prover) -> AuditMethods:
    """What reads the audit log for callers."""
    recorder, checkpointer, directory = parts.recovery.recorder, parts.checkpointer, config.audit.directory
    reader = AuditReader(
        directory,
        recorder.log,
        recorder,
        prover,
        checkpointer.key,
        checkpointer.state,
        checkpointer.shards,
    )
    stopping = lambda: parts.status.draining  # noqa: E731
    return AuditMethods(reader, RecordStreams(directory, recorder.log, recorder, stopping))


def build_evidence(config: Config, parts: Parts) -> EvidenceMethods:
    """What gives evidence to auditors, and what deletes old records."""
    audit, recorder, checkpointer = config.audit, parts.recovery.recorder, parts.checkpointer
    reader = EvidenceReader(
        audit.directory,
        recorder.log,
        recorder,
        checkpointer.state,
        checkpointer.covering,
        grants_of(config.listeners),
        utc_now,
        checkpointer.anchors.quorum,
    )
    retention = Retention(
        audit.directory,
        recorder.log,
        recorder,
        lambda: holders(checkpointer, parts.status.sinks()),
        utc_now,
        timedelta(seconds=audit.retention) if audit.retention is not None else None,
    )
    return EvidenceMethods(reader, retention)
