"""Contexts: named endpoints in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from signerd.cli.contexts import context_named, contexts_path, read_contexts
from signerd.errors import Reason, SignerdError
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import FakeDaemon, socket_in


def put(directory: Path, text: str) -> Path:
    path = contexts_path({"XDG_CONFIG_HOME": str(directory)})
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_the_file_is_in_the_configuration_directory() -> None:
    assert contexts_path({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path("/c/signerd/contexts.yaml")
    assert contexts_path({"XDG_CONFIG_HOME": "c", "HOME": "/h"}) == Path("/h/.config/signerd/contexts.yaml")


def test_a_context_has_endpoint_and_credentials(directory: Path) -> None:
    path = put(directory, "contexts: {p: {endpoint: 'h:1', ca: /ca, cert: /c, key_file: /k, token_file: /t}}")
    found = context_named(path, "p")
    assert found.endpoint == "h:1"
    assert found.credentials() == {"ca": "/ca", "cert": "/c", "key_file": "/k", "token_file": "/t"}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("contexts: {p: {endpoint: 'h:1', tocken_file: /t}}", "contexts.p.tocken_file"),
        ("contexts: {p: {endpoint: 'h:1', token: secret}}", "contexts.p.token"),
        ("contexts: {p: {ca: /ca}}", "contexts.p.endpoint"),
        ("contexts: {p: {endpoint: 5}}", "contexts.p.endpoint"),
        ("contexts: {p: text}", "contexts.p"),
        ("contexts: [p]", "contexts"),
        ("other: {}", "other"),
        ("", "contexts"),
        ("{", "contexts"),
    ],
)
def test_mistakes_name_the_field(directory: Path, text: str, field: str) -> None:
    with pytest.raises(SignerdError) as caught:
        read_contexts(put(directory, text))
    assert (caught.value.reason, caught.value.field) == (Reason.CONFIG_INVALID, field)
    assert "secret" not in caught.value.message


def test_an_unknown_context_names_the_file_and_those_there_are(run: Run, directory: Path) -> None:
    path = put(directory, "contexts: {one: {endpoint: 'h:1'}, two: {endpoint: 'h:2'}}")
    result = run("--context", "three", "status")
    assert result.exit_code == 2
    assert f"no context 'three'; {path} has: one, two" in result.stderr


def test_a_context_without_a_file_names_it(run: Run, directory: Path) -> None:
    result = run("-C", "foo", "status")
    assert result.exit_code == 2
    assert f"no context 'foo'; there is no file {directory}/signerd/contexts.yaml" in result.stderr


def test_a_file_without_contexts_says_so(run: Run, directory: Path) -> None:
    put(directory, "contexts: {}")
    result = run("-C", "foo", "status")
    assert result.exit_code == 2
    assert "has: none" in result.stderr


def test_a_context_replaces_the_environment(
    run: Run, daemon: FakeDaemon, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNERD_ADDR", "elsewhere:1")
    monkeypatch.setenv("SIGNERD_TOKEN", "not-for-this-one")
    put(directory, f"contexts: {{here: {{endpoint: '{socket_in(directory)}'}}}}")
    assert run("--context", "here", "status").exit_code == 0
    assert "authorization" not in daemon.metadata


def test_options_come_before_the_context(run: Run, daemon: FakeDaemon, directory: Path) -> None:
    put(directory, "contexts: {other: {endpoint: 'elsewhere:1', token_file: absent}}")
    (directory / "token").write_text("t")
    result = run("--context", "other", "--endpoint", socket_in(directory), "--token-file", "token", "status")
    assert result.exit_code == 0
    assert daemon.metadata["authorization"] == "Bearer t"
