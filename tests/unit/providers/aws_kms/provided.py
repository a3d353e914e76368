"""A provider over keys that are only lists."""

from __future__ import annotations

from threading import Event
from typing import cast

import pytest

from signerd.config_providers import AwsKmsProvider as Settings
from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.calls import KmsCalls
from signerd.providers.aws_kms.keys import KmsKeys
from signerd.providers.aws_kms.provider import AwsKmsProvider
from signerd.providers.aws_kms.table import Row
from signerd.providers.base import Material, Order, Setup

ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
URI = f"aws-kms://eu-central-1/{ARN}"
GIVEN = prepare(DEFAULT, Message(b"m"))
KEYS = {"AWS_ACCESS_KEY_ID": b"AKID", "AWS_SECRET_ACCESS_KEY": b"hush-hush"}


class Keys:
    """Keys that wait for `gate` before they are made."""

    def __init__(self) -> None:
        self.gate = Event()
        self.gate.set()
        self.made: list[str] = []
        self.signed = 0
        self.failure: SignerdError | None = None
        self.looked_at = 0

    def __len__(self) -> int:
        return len(self.made)

    def sign(self, key_id: str, row: Row, given: SigningInput) -> bytes:
        self.signed += 1
        if self.failure:
            raise self.failure
        return b"signature"

    def arns(self) -> list[str]:
        return [f"{ARN}-{tag}" for tag in self.made]

    def tags(self, arn: str) -> dict[str, str]:
        return {"tag": arn.rpartition("-")[2]}

    def seen(self, arn: str) -> Material | None:
        self.looked_at += 1
        if self.failure:
            raise self.failure
        return Material(arn, b"") if self.made.index(arn.rpartition("-")[2]) % 2 else None

    def make(self, order: Order, row: Row) -> Material:
        self.gate.wait(10)
        if self.failure:
            raise self.failure
        self.made.append(order.tag)
        return Material(URI, b"", order.tags)


class Nothing:
    trouble = ""

    def close(self) -> None:
        pass


class Clock:
    """A steady clock that begins long before the provider."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def provider(keys: Keys) -> AwsKmsProvider:
    return provided(keys)


def provided(keys: Keys, rate: float = 1000, calls: Nothing | None = None) -> AwsKmsProvider:
    """A provider that has filled its buckets."""
    clock, given = Clock(), cast(KmsCalls, calls or Nothing())
    provider = AwsKmsProvider(cast(KmsKeys, keys), given, "eu-central-1", 4, rate, clock)
    clock.now += 10.0
    return provider


def setup(secrets: dict[str, bytes] | None = None, workers: int = 1, **settings: object) -> Setup:
    section = Settings.model_validate({"type": "aws-kms", "region": "eu-central-1", **settings})
    given = {name: (lambda value=value: value) for name, value in (secrets or {}).items()}
    return Setup("kms", section, given, workers)


def reason(caught: pytest.ExceptionInfo[SignerdError]) -> Reason:
    return caught.value.reason
