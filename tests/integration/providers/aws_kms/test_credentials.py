"""The SDK's credential chain, and that no secret of it gets into the log, whatever level that has."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from signerd.config_providers import AwsKmsProvider as Settings
from signerd.core.algorithms import DEFAULT
from signerd.core.inputs import Message, prepare
from signerd.errors import Reason, SignerdError
from signerd.providers.aws_kms.provider import AwsKmsProvider, build
from signerd.providers.base import Order, Setup
from signerd.providers.guard import pinned_version
from tests.support.servers.aws import REGION, AwsServer
from tests.support.servers.aws_fake import FakeKms, error

GIVEN = prepare(DEFAULT, Message(b"some bytes"))
SECRET, TOKEN = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEXAMPLETOKEN=="
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJl"
Make = Callable[..., AwsKmsProvider]


@pytest.fixture
async def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Make]:
    """Builds providers in an environment without credentials, at a root logger that keeps all."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    async with AsyncExitStack() as stack:

        def made(endpoint: str, secrets: dict[str, str] | None = None, **settings: object) -> AwsKmsProvider:
            section = Settings.model_validate(
                {"type": "aws-kms", "region": REGION, "endpoint": endpoint, **settings}
            )
            given = {name: value.encode for name, value in (secrets or {}).items()}
            provider = build(Setup("kms", section, given))
            stack.push_async_callback(provider.close)
            return provider

        yield made


async def signs(provider: AwsKmsProvider) -> None:
    made = await provider.create(Order("release", 2, DEFAULT, "t-credentials", instance="i"))
    signature = await provider.sign(made.uri, DEFAULT, GIVEN)
    pinned_version(made.uri, DEFAULT, made.public_key).verify(GIVEN, signature)


def used_key(fake: FakeKms) -> str:
    """The access key id that the latest request was signed with."""
    return fake.behaviour.authorizations[-1].split("Credential=")[1].split("/")[0]


async def test_variables_that_were_taken_out_of_the_environment(make: Make, fake: FakeKms) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIDVARIABLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    await signs(make(fake.endpoint, keys))
    assert used_key(fake) == "AKIDVARIABLE"


async def test_a_profile_goes_before_the_variables(make: Make, fake: FakeKms, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[signing]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n"
    )
    keys = {"AWS_ACCESS_KEY_ID": "AKIDVARIABLE", "AWS_SECRET_ACCESS_KEY": SECRET}
    await signs(make(fake.endpoint, keys, profile="signing"))
    assert used_key(fake) == "AKIDPROFILE"


async def test_a_web_identity(
    make: Make,
    moto_server: AwsServer,
    fake: FakeKms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = tmp_path / "token"
    token.write_text(JWT)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/signerd")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto_server.endpoint)
    with caplog.at_level(logging.DEBUG):
        await signs(make(fake.endpoint))
    assert used_key(fake).startswith("ASIA")
    assert JWT not in caplog.text
    assert "SecretAccessKey" not in caplog.text


async def test_a_web_identity_without_its_token(
    make: Make, fake: FakeKms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/signerd")
    with pytest.raises(SignerdError, match="FileNotFoundError") as caught:
        await signs(make(fake.endpoint))
    assert caught.value.reason is Reason.PROVIDER_DENIED


async def test_no_credentials_at_all(make: Make, fake: FakeKms) -> None:
    provider = make(fake.endpoint)
    with pytest.raises(SignerdError, match="NoCredentialsError") as caught:
        await provider.held()
    assert caught.value.reason is Reason.PROVIDER_DENIED
    assert not provider.health().healthy
    assert fake.behaviour.calls.total() == 0


async def test_credentials_that_come_later_are_found(
    make: Make, fake: FakeKms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signerd.connections.aws._LOOK_AGAIN", -1.0)
    provider = make(fake.endpoint)
    with pytest.raises(SignerdError):
        await provider.held()
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id = AKIDLATER\naws_secret_access_key = {SECRET}\n"
    )
    await signs(provider)
    assert used_key(fake) == "AKIDLATER"


@pytest.mark.parametrize("echo", ["x-amz-security-token:" + TOKEN, f"the secret is {SECRET}", JWT])
async def test_nothing_secret_is_logged_or_told(
    make: Make, fake: FakeKms, caplog: pytest.LogCaptureFixture, echo: str
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIDVARIABLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    provider = make(fake.endpoint, keys)
    told: list[Any] = []
    with caplog.at_level(logging.DEBUG):
        await signs(provider)
        fake.behaviour.always = error("InvalidSignatureException", f"should have been 'POST\n{echo}\n'", 403)
        for call in (provider.held(), provider.find(f"aws-kms://{REGION}/alias/a")):
            with pytest.raises(SignerdError) as caught:
                await call
            told.append(caught.value)
    shown = f"{caplog.text}{told!r}{provider!r}{vars(provider)!r}{provider.health()!r}"
    assert "InvalidSignatureException" in shown
    for secret in (SECRET, TOKEN, JWT):
        assert secret not in shown
