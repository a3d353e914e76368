"""The AWS KMS provider: how it is built, what it refuses before AWS is asked, and its threads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from signerd.config_providers import AwsKmsProvider as Settings
from signerd.core.algorithms import BY_NAME, DEFAULT
from signerd.core.inputs import Message, SigningInput, prepare
from signerd.core.private_keys import generate, to_pkcs8
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.calls import KmsCalls
from signerd.providers.aws_kms.keys import KmsKeys
from signerd.providers.aws_kms.provider import MOST_THREADS, AwsKmsProvider, build
from signerd.providers.aws_kms.table import Row
from signerd.providers.base import Change, Material, Order, Setup

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


async def test_a_used_up_quota_is_told_with_the_time_to_wait(keys: Keys) -> None:
    provider = provided(keys, rate=4)
    for _ in range(4):
        await provider.sign(URI, DEFAULT, GIVEN)
    with pytest.raises(SignerdError, match="signatures_per_second") as caught:
        await provider.sign(URI, DEFAULT, GIVEN)
    assert reason(caught) is Reason.PROVIDER_THROTTLED
    assert caught.value.retry_after == pytest.approx(0.25)
    assert keys.signed == 4


async def test_each_kind_of_key_has_its_own_quota(keys: Keys) -> None:
    provider, rsa = provided(keys, rate=1), BY_NAME["rsa-pss-2048-sha256"]
    await provider.sign(URI, DEFAULT, GIVEN)
    await provider.sign(URI, rsa, GIVEN)
    for algorithm in (DEFAULT, rsa):
        with pytest.raises(SignerdError):
            await provider.sign(URI, algorithm, GIVEN)


def granted(provider: AwsKmsProvider, now: float) -> int:
    return sum(provider._quotas["ecc"].take(now) == 0 for _ in range(500))


def test_the_quota_is_divided_by_the_workers_from_the_start() -> None:
    provider = build(setup(KEYS, workers=4, signatures_per_second=400))
    assert granted(provider, time.monotonic() + 10.0) == 100


@pytest.mark.parametrize(("workers", "share"), [(1, 400), (3, 133), (4, 100)])
def test_the_quota_is_divided_by_the_workers_that_live(keys: Keys, workers: int, share: int) -> None:
    provider = provided(keys, rate=400)
    provider.share(workers)
    assert granted(provider, 200.0) == share


async def test_a_new_share_counts_at_once(keys: Keys) -> None:
    provider = provided(keys, rate=8)
    provider.share(4)
    for _ in range(2):
        await provider.sign(URI, DEFAULT, GIVEN)
    with pytest.raises(SignerdError) as caught:
        await provider.sign(URI, DEFAULT, GIVEN)
    assert caught.value.retry_after == pytest.approx(0.5)
    provider.share(2)
    with pytest.raises(SignerdError) as caught:
        await provider.sign(URI, DEFAULT, GIVEN)
    assert caught.value.retry_after == pytest.approx(0.25)


@pytest.mark.parametrize("name", ["ed25519", "ed25519ph"])
async def test_algorithms_that_kms_lacks(provider: AwsKmsProvider, keys: Keys, name: str) -> None:
    for call in (
        provider.sign(URI, BY_NAME[name], GIVEN),
        provider.create(Order("k", 1, BY_NAME[name], "t")),
    ):
        with pytest.raises(SignerdError) as caught:
            await call
        assert reason(caught) is Reason.ALGORITHM_UNSUPPORTED
    assert (keys.signed, keys.made) == (0, [])


async def test_ml_dsa_keys_are_not_taken_in(provider: AwsKmsProvider) -> None:
    algorithm = BY_NAME["ml-dsa-44"]
    with pytest.raises(SignerdError) as caught:
        await provider.create(Order("k", 1, algorithm, "t", to_pkcs8(generate(algorithm))))
    assert reason(caught) is Reason.ALGORITHM_UNSUPPORTED
    assert "ml-dsa" not in caught.value.message.partition("possible are")[2]


@pytest.mark.parametrize("change", Change)
async def test_an_alias_is_not_changed(provider: AwsKmsProvider, change: Change) -> None:
    with pytest.raises(SignerdError) as caught:
        await provider.change("aws-kms://eu-central-1/alias/a", change)
    assert reason(caught) is Reason.KEY_URI_INVALID


async def test_an_order_given_up_is_finished_and_its_tag_used(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.gate.clear()
    order = Order("k", 1, DEFAULT, "t1")
    task = asyncio.ensure_future(provider.create(order))
    await asyncio.sleep(0.05)
    task.cancel()
    again = asyncio.ensure_future(provider.create(order))
    await asyncio.sleep(0.05)
    assert not again.done()
    keys.gate.set()
    with pytest.raises(SignerdError) as caught:
        await again
    assert reason(caught) is Reason.KEY_EXISTS
    assert keys.made == ["t1"]


async def test_an_order_given_up_before_the_key_is_made_makes_none(
    provider: AwsKmsProvider, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, arns = Event(), keys.arns

    def slow() -> list[str]:
        gate.wait(10)
        return arns()

    monkeypatch.setattr(keys, "arns", slow)
    order = Order("k", 1, DEFAULT, "t1")
    first = asyncio.create_task(provider.create(order))
    await asyncio.sleep(0)
    (running,) = provider._orders.values()
    first.cancel()
    await asyncio.wait([first])
    gate.set()
    await asyncio.wait([running])
    assert keys.made == []
    assert (await provider.create(order)).tags == order.tags
    assert keys.made == ["t1"]


async def test_a_tag_whose_order_failed_can_be_ordered_again(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.gate.clear()
    keys.failure = SignerdError(Reason.PROVIDER_UNAVAILABLE, "no")
    calls = [asyncio.ensure_future(provider.create(Order("k", 1, DEFAULT, "t1"))) for _ in range(2)]
    await asyncio.sleep(0.05)
    keys.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in results] == [SignerdError, SignerdError]
    keys.failure = None
    assert (await provider.create(Order("k", 1, DEFAULT, "t1"))).tags["tag"] == "t1"


async def test_a_tag_that_a_key_has_is_not_used_again(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.made.extend(f"t{number}" for number in range(40))
    with pytest.raises(SignerdError) as caught:
        await provider.create(Order("k", 1, DEFAULT, "t39"))
    assert reason(caught) is Reason.KEY_EXISTS
    assert len(keys.made) == 40


async def test_what_can_not_be_seen_is_not_held(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.made.extend(f"t{number}" for number in range(40))
    assert [one.uri for one in await provider.held()] == [f"{ARN}-t{number}" for number in range(1, 40, 2)]


async def test_a_list_that_fails_asks_no_further(provider: AwsKmsProvider, keys: Keys) -> None:
    keys.made.extend(f"t{number}" for number in range(1000))
    keys.failure = SignerdError(Reason.PROVIDER_UNAVAILABLE, "no")
    with pytest.raises(SignerdError):
        await provider.held()
    await asyncio.sleep(0.1)
    assert keys.looked_at < 100


def test_health_tells_of_what_befalls_all_calls(keys: Keys) -> None:
    calls = Nothing()
    provider = provided(keys, calls=calls)
    assert provider.health().healthy
    calls.trouble = "AWS KMS answers Sign with ExpiredTokenException"
    assert not provider.health().healthy
    assert "ExpiredToken" in provider.health().detail


@pytest.mark.parametrize("missing", list(KEYS))
def test_half_an_access_key_is_refused(missing: str) -> None:
    secrets = {**KEYS, "AWS_SESSION_TOKEN": b"t"}
    del secrets[missing]
    with pytest.raises(SignerdError, match=missing) as caught:
        build(setup(secrets))
    assert reason(caught) is Reason.CONFIG_INVALID
    assert "hush" not in caught.value.message


def test_an_unknown_profile_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[profile signing]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    build(setup(profile="signing"))
    with pytest.raises(SignerdError, match=r"'signer'.*known: signing") as caught:
        build(setup(profile="signer"))
    assert (reason(caught), caught.value.field) == (Reason.CONFIG_INVALID, "profile")


def test_as_many_threads_as_calls_but_not_more_than_256() -> None:
    assert build(setup(KEYS, concurrent=8))._pool._max_workers == 8
    assert build(setup(KEYS, concurrent=4096))._pool._max_workers == MOST_THREADS


def test_secrets_do_not_show(caplog: pytest.LogCaptureFixture) -> None:
    provider = build(setup({**KEYS, "AWS_SESSION_TOKEN": b"tok-tok"}))
    access = provider._calls._once._access
    shown = f"{provider!r}{vars(provider)!r}{access!r}{access.keys!r}{provider.health()!r}{caplog.text}"
    assert "hush" not in shown
    assert "tok-tok" not in shown


@pytest.mark.parametrize("prefix", ["aws/", "aws/keys/"])
def test_the_aliases_of_aws_are_not_ours(prefix: str) -> None:
    with pytest.raises(ValueError, match="which AWS keeps"):
        setup(alias_prefix=prefix)


def test_no_sdk_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, signerd.providers.aws_kms.provider, signerd.connections.aws;"
        "sys.exit(bool({'boto3', 'botocore', 'urllib3'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
