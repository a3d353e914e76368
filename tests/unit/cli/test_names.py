"""Resource names, as answers show them, name keys and versions on the command line."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signerd.cli.names import split_name
from signerd.core.names import check_key_name, version_name
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import FakeDaemon

DIGEST = ("--digest", "sha256:" + "ab" * 32)
NAMES = st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), min_size=1, max_size=4).map("/".join)


@given(NAMES, st.integers(1, 2**63 - 1))
def test_what_answers_show_is_read_back(name: str, version: int) -> None:
    name = check_key_name(name.replace("versions", "v"))
    assert split_name(version_name(name, version)) == (name, version)
    assert split_name(f"keys/{name}") == (name, 0)


@pytest.mark.parametrize("text", ["release", "team-a/release", "keys", "keys/", "", "release/versions/3"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert split_name(text) == (text, 0)


@pytest.mark.parametrize(
    "version", ["", "0", "-1", "x", "1/2", "\N{SUPERSCRIPT TWO}", str(2**63), "1" * 5000]
)
def test_no_version(version: str) -> None:
    with pytest.raises(click.BadParameter):
        split_name(f"keys/release/versions/{version}")


@pytest.mark.parametrize(
    ("arguments", "version"),
    [
        (["keys/team-a/release"], 0),
        (["keys/team-a/release", "--version", "3"], 3),
        (["keys/team-a/release/versions/3"], 3),
        (["keys/team-a/release/versions/3", "--version", "3"], 3),
    ],
)
def test_a_resource_name_sets_key_and_version(
    run: Run, daemon: FakeDaemon, directory: Path, arguments: list[str], version: int
) -> None:
    (directory / "s").write_bytes(b"signature")
    assert run("sign", *DIGEST, "--key", *arguments).exit_code == 0
    assert run("verify", *DIGEST, "--signature", "s", "--key", *arguments).exit_code == 0
    assert run("public-key", *arguments).exit_code == 0
    for method in ("Sign", "Verify", "PublicKey"):
        [request] = daemon.asked[method]
        assert (request.key, request.version) == ("team-a/release", version)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sign", *DIGEST, "--key", "keys/release/versions/3", "--version", "2"],
        ["sign", *DIGEST, "--key", "keys/release/versions/x"],
        ["public-key", "keys/release/versions/3", "--version", "2"],
        ["public-key", "keys/release/versions/3", "--all"],
        ["keys", "show", "keys/release/versions/3"],
        ["keys", "create", "keys/release/versions/3"],
        ["audit", "list", "--key", "keys/release/versions/3", "--version", "2"],
    ],
)
def test_contradictions_are_usage_errors(run: Run, daemon: FakeDaemon, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, daemon.asked) == (2, {})
    assert "Error: " in result.stderr


def test_where_a_key_is_named_its_resource_name_is_too(run: Run, daemon: FakeDaemon) -> None:
    assert run("keys", "show", "keys/release").exit_code == 0
    assert run("keys", "create", "keys/release").exit_code == 0
    assert run("audit", "list", "--key", "keys/release").exit_code == 0
    assert daemon.asked["GetKey"][0].name == daemon.asked["CreateKey"][0].name == "release"
    assert daemon.asked["ListRecords"][0].filter.key == "release"
