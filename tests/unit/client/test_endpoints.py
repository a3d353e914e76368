"""Endpoints and settings."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.client import Endpoint, Settings, SignerdError, parse_endpoint, settings_from
from signerd.errors import Reason

TCP = Endpoint(host="signer.example", port=8443)
TLS_ENV = {
    "SIGNERD_ADDR": "signer.example:8443",
    "SIGNERD_CACERT": "/ca.pem",
    "SIGNERD_CERT": "/cert.pem",
    "SIGNERD_KEY": "/key.pem",
    "SIGNERD_TOKEN": "from-environment",
}


@pytest.mark.parametrize(
    ("text", "expected", "target"),
    [
        ("unix:/run/s.sock", Endpoint(path="/run/s.sock"), "unix:/run/s.sock"),
        ("unix:///run/s.sock", Endpoint(path="/run/s.sock"), "unix:/run/s.sock"),
        ("unix:s.sock", Endpoint(path="s.sock"), "unix:s.sock"),
        ("signer.example:8443", TCP, "dns:///signer.example:8443"),
        ("[::1]:1", Endpoint(host="[::1]", port=1), "dns:///[::1]:1"),
    ],
)
def test_endpoints_that_are_understood(text: str, expected: Endpoint, target: str) -> None:
    assert parse_endpoint(text) == expected
    assert parse_endpoint(text).target == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:",
        "host",
        "host:",
        ":1",
        "host:0",
        "host:65536",
        "http://host:1",
        "a b:1",
        "::1:1",
        "host:1\n",
        "unix:/" + "x" * 107,
        "unix:/a\0b",
    ],
)
def test_endpoints_that_are_refused(text: str) -> None:
    with pytest.raises(SignerdError) as caught:
        parse_endpoint(text)
    assert (caught.value.reason, caught.value.field) == (Reason.ENDPOINT_INVALID, "endpoint")


@given(st.text(max_size=130))
def test_any_text_is_an_endpoint_or_refused(text: str) -> None:
    with suppress(SignerdError):
        endpoint = parse_endpoint(text)
        assert parse_endpoint(str(endpoint)) == endpoint


def test_default_is_the_socket_under_the_home_directory() -> None:
    settings = settings_from({"SIGNERD_HOME": "/srv/s"})
    assert settings.endpoint == Endpoint(path="/srv/s/run/signerd.sock")


def test_settings_come_from_the_environment() -> None:
    settings = settings_from(TLS_ENV)
    assert (settings.endpoint, settings.ca, settings.cert) == (TCP, "/ca.pem", "/cert.pem")
    assert (settings.key_file, settings.token) == ("/key.pem", "from-environment")


def test_arguments_come_before_the_environment() -> None:
    settings = settings_from(TLS_ENV, "other:1", ca="/other.pem", token_file="/token")
    assert settings.endpoint == Endpoint(host="other", port=1)
    assert (settings.ca, settings.token, settings.token_file) == ("/other.pem", "", "/token")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "TLS"),
        ({"insecure": True, "ca": "/ca"}, "contradict"),
        ({"insecure": True, "token": "t"}, "token"),
        ({"insecure": True, "token_file": "/t"}, "token"),
        ({"ca": "/ca", "cert": "/c"}, "together"),
        ({"ca": "/ca", "token": "t", "token_file": "/t"}, "not both"),
    ],
)
def test_combinations_that_are_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(SignerdError, match=says) as caught:
        Settings(endpoint=TCP, **given)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.ENDPOINT_INVALID


def test_insecure_has_to_be_said() -> None:
    assert not Settings(endpoint=TCP, insecure=True).uses_tls


def test_the_token_is_not_shown() -> None:
    assert "hidden" not in repr(Settings(endpoint=TCP, ca="/ca", token="hidden"))
