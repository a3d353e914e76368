"""The AWS KMS provider: how it is built, what it refuses before AWS is asked, and its threads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from signerd.core.algorithms import BY_NAME
from signerd.core.private_keys import generate, to_pkcs8
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.provider import MOST_THREADS, AwsKmsProvider, build
from signerd.providers.base import Change, Order
from tests.unit.providers.aws_kms.provided import (
    ARN,
    GIVEN,
    KEYS,
    URI,
    Keys,
    Nothing,
    keys,
    provided,
    provider,
    reason,
    setup,
)

__all__ = ["keys", "provider"]


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
