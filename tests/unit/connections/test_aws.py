"""Connections to AWS: what is made of the SDK's exceptions, and that it does not talk."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError

from signerd.connections.aws import Access, AccessKeys, KmsConnection, Limits, Told, told


def client_error(code: str, text: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Sign")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (client_error("NotFoundException", "no key", 400), Told("NotFoundException", "no key", 400)),
        (ClientError({}, "Sign"), Told("ClientError")),
        (FileNotFoundError(2, "No such file", "/token"), Told("FileNotFoundError", "No such file: /token")),
        (
            EndpointConnectionError(endpoint_url="http://x"),
            Told("EndpointConnectionError", 'Could not connect to the endpoint URL: "http://x"'),
        ),
        (NoCredentialsError(), Told("NoCredentialsError", "Unable to locate credentials")),
    ],
)
def test_what_is_told(error: Exception, seen: Told) -> None:
    assert told(error) == seen


@pytest.mark.parametrize(
    "error",
    [
        ResponseParserError("Unable to parse response: b'<SecretAccessKey>hush</SecretAccessKey>'"),
        CredentialRetrievalError(provider="custom-process", error_msg="hush"),
        ValueError("hush"),
    ],
)
def test_the_text_of_what_may_hold_an_answer_is_not_told(error: Exception) -> None:
    assert told(error) == Told(type(error).__name__)


def connection() -> KmsConnection:
    now = [0.0]
    access = Access("eu-central-1", "http://127.0.0.1:9", keys=AccessKeys("id", "hush", "tok"))
    made = KmsConnection(access, Limits(2.5, 2, 32), lambda: now[0])
    made.now = now  # type: ignore[attr-defined]
    return made


def test_the_client_is_made_once_with_our_limits() -> None:
    made = connection()
    client = made.client()
    assert made.client() is client
    config: Any = client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (2.5, 2.5, 32)
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}
    assert str(config.user_agent).startswith("signerd/")


def test_credentials_are_looked_for_again_but_not_all_the_time() -> None:
    made = connection()
    client = made.client()
    made.look_again()
    assert made.client() is client
    made.now[0] = 6.0  # type: ignore[attr-defined]
    made.look_again()
    assert made.client() is not client


def test_a_closed_connection_can_be_closed_again() -> None:
    made = connection()
    made.close()
    made.client()
    made.close()
    made.close()


def test_the_sdk_says_nothing_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        connection().client()
        for name in ("botocore.auth", "botocore.parsers", "boto3.resources"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_secrets_do_not_show() -> None:
    shown = repr(Access("eu-central-1", keys=AccessKeys("id", "hush", "tok")))
    assert "hush" not in shown
    assert "tok" not in shown
