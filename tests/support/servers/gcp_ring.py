"""Key rings, keys and versions of the stand-in for Cloud KMS: what they hold and which changes the API allows."""

from __future__ import annotations

import pickle
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

import grpc
from google.cloud import kms_v1  # noqa: TID251 - the API's own messages

from tests.support.servers import gcp_material


def _plain(members: Any) -> Any:
    """The members of the API's enum: its own compare slowly."""
    return IntEnum("State", {one.name: one.value for one in members})


State = _plain(kms_v1.CryptoKeyVersion.CryptoKeyVersionState)
Algorithms: Any = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
DAY = 86400
_KEY_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


class Refusal(Exception):
    """An error as the API words it; `violation` is the type of a PreconditionFailure."""

    def __init__(self, code: grpc.StatusCode, message: str, violation: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.violation = violation


def invalid(message: str) -> Refusal:
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, message)


def _missing(kind: str, name: str) -> Refusal:
    return Refusal(grpc.StatusCode.NOT_FOUND, f"{kind} {name} not found.")


@dataclass
class Version:
    """A version; `ready` and `destroy` are times of the server's clock, after which its state is another one."""

    name: str
    algorithm: str
    protection: int
    state: int
    private_key: bytes
    created: float
    ready: float = 0.0
    destroy: float = 0.0
    signer: gcp_material.Sign | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "signer": None}

    @property
    def number(self) -> int:
        return int(self.name.rpartition("/")[2])

    def shown(self) -> Any:
        answer = kms_v1.CryptoKeyVersion.pb()(name=self.name, state=self.state)
        answer.algorithm = Algorithms[self.algorithm]
        answer.protection_level = self.protection
        answer.create_time.FromDatetime(datetime.fromtimestamp(self.created, UTC))
        if self.destroy:
            answer.destroy_time.FromDatetime(datetime.fromtimestamp(self.destroy, UTC))
        if self.state == State.GENERATION_FAILED:
            answer.generation_failure_reason = "The key could not be generated."
        return answer


@dataclass
class Key:
    """A CryptoKey."""

    name: str
    purpose: int
    algorithm: str
    protection: int
    labels: dict[str, str]
    destroy_after: int
    created: float
    versions: dict[int, Version] = field(default_factory=dict)

    def shown(self) -> Any:
        answer = kms_v1.CryptoKey.pb()(name=self.name, purpose=self.purpose, labels=self.labels)
        answer.version_template.algorithm = Algorithms[self.algorithm]
        answer.version_template.protection_level = self.protection
        answer.destroy_scheduled_duration.seconds = self.destroy_after
        answer.create_time.FromDatetime(datetime.fromtimestamp(self.created, UTC))
        return answer


@dataclass
class Rings:
    """Everything the server knows; kept in a file, so that it is still there after a restart."""

    file: Path | None = None
    clock: Callable[[], float] = time.time
    keys: dict[str, Key] = field(default_factory=dict)

    def load(self) -> None:
        if self.file is not None and self.file.exists():
            self.keys = pickle.loads(self.file.read_bytes())

    def save(self) -> None:
        if self.file is not None:
            new = self.file.with_suffix(".new")
            new.write_bytes(pickle.dumps(self.keys))
            new.replace(self.file)

    def key(self, name: str) -> Key:
        try:
            return self.keys[name]
        except KeyError:
            raise _missing("CryptoKey", name) from None

    def in_ring(self, ring: str) -> list[Key]:
        return [key for name, key in sorted(self.keys.items()) if name.startswith(f"{ring}/cryptoKeys/")]

    def version(self, name: str) -> Version:
        key, _, number = name.partition("/cryptoKeyVersions/")
        held = self.keys.get(key)
        if held is None or not number.isdecimal() or int(number) not in held.versions:
            raise _missing("CryptoKeyVersion", name)
        return self.settled(held.versions[int(number)])

    def usable(self, name: str) -> Version:
        version = self.version(name)
        if version.state != State.ENABLED:
            state = State(version.state).name
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{name} is not enabled, current state is: {state}.",
                f"KEY_{state}",
            )
        return version

    def settled(self, version: Version) -> Version:
        """The version with what time has done to it."""
        now = self.clock()
        if version.state == State.PENDING_GENERATION and version.ready <= now:
            version.state = State.ENABLED if version.private_key else State.GENERATION_FAILED
        if version.state == State.DESTROY_SCHEDULED and version.destroy <= now:
            version.state, version.private_key, version.signer = State.DESTROYED, b"", None
        return version

    def add_key(self, parent: str, key_id: str, wanted: Any) -> Key:
        if parent.endswith("/absent"):
            raise _missing("KeyRing", parent)
        name = f"{parent}/cryptoKeys/{key_id}"
        if not _KEY_ID.fullmatch(key_id):
            raise invalid(f"CryptoKey ID {key_id!r} must match the regular expression {_KEY_ID.pattern}.")
        if name in self.keys:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"CryptoKey {name} already exists.")
        if wanted.purpose != kms_v1.CryptoKey.CryptoKeyPurpose.ASYMMETRIC_SIGN:
            raise invalid("Only ASYMMETRIC_SIGN is offered here.")
        template = wanted.version_template
        algorithm = Algorithms(template.algorithm).name
        check_labels(wanted.labels)
        key = Key(name, wanted.purpose, algorithm, template.protection_level or 1, dict(wanted.labels),
                  _destroy_after(wanted), self.clock())  # fmt: skip
        self.keys[name] = key
        return key

    def add_version(self, key: Key, pending: float, fails: bool) -> Version:
        try:
            private_key = b"" if fails else gcp_material.generate(key.algorithm)
        except ValueError as error:
            raise invalid(str(error)) from None
        number, now = len(key.versions) + 1, self.clock()
        state = State.PENDING_GENERATION if pending or fails else State.ENABLED
        version = Version(f"{key.name}/cryptoKeyVersions/{number}", key.algorithm, key.protection, state,
                          private_key, now, now + pending)  # fmt: skip
        key.versions[number] = version
        return version

    def change(self, version: Version, state: int) -> None:
        allowed = (State.ENABLED, State.DISABLED)
        if version.state not in allowed or state not in allowed:
            raise _unchangeable(version, "updated")
        version.state = state

    def schedule(self, version: Version) -> None:
        if version.state not in (State.ENABLED, State.DISABLED):
            raise _unchangeable(version, "destroyed")
        key = self.key(version.name.partition("/cryptoKeyVersions/")[0])
        version.state, version.destroy = State.DESTROY_SCHEDULED, self.clock() + key.destroy_after


def check_labels(labels: Any) -> None:
    if len(labels) > 64:
        raise invalid("A resource can have at most 64 labels.")
    for name, value in labels.items():
        if not _LABEL.fullmatch(name) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(f"Label {name!r}: {value!r} is not valid.")


def _destroy_after(wanted: Any) -> int:
    if not wanted.HasField("destroy_scheduled_duration"):
        return 30 * DAY
    seconds = int(wanted.destroy_scheduled_duration.seconds)
    if not DAY <= seconds <= 120 * DAY:
        raise invalid("destroy_scheduled_duration must be between 24 hours and 120 days.")
    return seconds


def _unchangeable(version: Version, done: str) -> Refusal:
    state = State(version.state).name
    text = f"{version.name} cannot be {done}, current state is: {state}."
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, text, f"KEY_{state}")
