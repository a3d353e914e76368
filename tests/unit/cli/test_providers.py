"""`signerctl providers`, and the keys that are at them: `keys adopt`, `discover` and `check`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
import pytest
import yaml
from google.protobuf.duration_pb2 import Duration

from signerd.cli import checks
from signerd.cli.main import main
from signerd.cli.progress import PATIENCE, Bar, _items
from signerd.errors import Reason
from signerd.v1.keys_pb2 import (
    CheckKeysResponse,
    DiscoveredKey,
    DiscoverKeysResponse,
    KeyFinding,
    ListKeysResponse,
)
from signerd.v1.providers_pb2 import Capabilities, GetProviderResponse, ListProvidersResponse, Provider
from signerd.v1.resources_pb2 import Key
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import PROVIDER, FakeDaemon, status_of

URI = "aws-kms://eu-central-1/alias/release"


def test_adopt_sends_the_options_and_shows_the_key(run: Run, daemon: FakeDaemon) -> None:
    options = ("--provider", "p", "--algorithm", "ed25519", "--purpose", "jwt", "--label", "a=b")
    result = run("keys", "adopt", "keys/release", "--uri", URI, *options)
    assert result.exit_code == 0
    [request] = daemon.asked["AdoptKey"]
    assert (request.name, request.uri, request.provider) == ("release", URI, "p")
    assert (request.algorithm, request.purpose, dict(request.labels)) == ("ed25519", 2, {"a": "b"})
    assert not request.public_only
    assert "1        active" in result.stdout


def test_adopt_of_the_public_key_only(run: Run, daemon: FakeDaemon) -> None:
    assert run("keys", "adopt", "release", "--uri", URI, "--public-only", "-o", "json").exit_code == 0
    [request] = daemon.asked["AdoptKey"]
    assert (request.public_only, request.provider, request.algorithm) == (True, "", "")


@pytest.mark.parametrize(
    "arguments",
    [["release"], ["release", "--uri", URI, "--label", "a"], ["release", "--uri", URI, "--purpose", "log"]],
)
def test_adopt_that_is_used_wrongly(run: Run, daemon: FakeDaemon, arguments: list[str]) -> None:
    assert run("keys", "adopt", *arguments).exit_code == 2
    assert not daemon.asked["AdoptKey"]


def test_adopt_of_managed_material_is_refused(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["AdoptKey"].append(status_of(Reason.KEY_EXISTS, "it belongs to key 'old'"))
    result = run("keys", "adopt", "release", "--uri", URI)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "belongs to key 'old'" in result.stderr


def test_discover_shows_what_nobody_manages(run: Run, daemon: FakeDaemon) -> None:
    found = [
        DiscoveredKey(uri="memory:a", algorithm="ed25519", enabled=True),
        DiscoveredKey(uri="memory:b", tags={"key": "team/x", "version": "3"}, leftover=True),
    ]
    daemon.script["DiscoverKeys"].append(DiscoverKeysResponse(provider="p", keys=found))
    head, first, second = run("keys", "discover", "--provider", "p").stdout.splitlines()
    assert head.split() == ["URI", "ALGORITHM", "STATE", "MADE", "FOR"]
    assert first.split() == ["memory:a", "ed25519", "enabled"]
    assert second.split() == ["memory:b", "disabled,", "leftover", "keys/team/x/versions/3"]
    assert daemon.asked["DiscoverKeys"][0].provider == "p"


def test_discover_as_a_document(run: Run, daemon: FakeDaemon) -> None:
    shown = yaml.safe_load(run("keys", "discover", "-o", "yaml").stdout)
    assert (shown["provider"], shown["keys"][0]["tags"]) == ("local", {"key": "old"})


def finding(reason: str = "", key: str = "release") -> KeyFinding:
    return KeyFinding(key=key, version=1, provider="p", ok=not reason, reason=reason, milliseconds=12)


@pytest.mark.parametrize(
    ("reasons", "code"),
    [
        ([""], 0),
        (["", "PROVIDER_UNAVAILABLE"], 4),
        (["PROVIDER_TIMEOUT", "PROVIDER_THROTTLED"], 4),
        (["PROVIDER_UNAVAILABLE", "PROVIDER_INTEGRITY"], 3),
        (["", "KEY_MATERIAL_DISABLED"], 3),
        (["PROVIDER_DENIED"], 3),
        (["A_REASON_OF_A_NEWER_DAEMON"], 3),
    ],
)
def test_the_exit_code_of_a_check(run: Run, daemon: FakeDaemon, reasons: list[str], code: int) -> None:
    daemon.script["CheckKeys"].append(CheckKeysResponse(findings=[finding(reason) for reason in reasons]))
    result = run("keys", "check", "release")
    assert result.exit_code == code
    assert list(daemon.asked["CheckKeys"][0].names) == ["release"]
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["KEY", "VERSION", "PROVIDER", "TIME", "RESULT"]
    assert [row.split()[:5] for row in rows] == [["release", "1", "p", "12", "ms"]] * len(reasons)
    assert ["ok" if row.endswith("ok") else row.split()[5].rstrip(":") for row in rows] == [
        reason or "ok" for reason in reasons
    ]


def test_check_asks_for_all_keys_a_few_at_a_time(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "AT_ONCE", 2)
    pages = [[Key(name="a"), Key(name="b")], [Key(name="c")]]
    daemon.script["ListKeys"].append(ListKeysResponse(keys=pages[0], next_page_token="c"))
    daemon.script["ListKeys"].append(ListKeysResponse(keys=pages[1]))
    result = run("keys", "check", "-o", "json")
    assert [list(request.names) for request in daemon.asked["CheckKeys"]] == [["a", "b"], ["c"]]
    assert [one["key"] for one in json.loads(result.stdout)["findings"]] == ["a", "b", "c"]


def test_check_without_any_key(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["ListKeys"].append(ListKeysResponse())
    result = run("keys", "check", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"findings": []})
    assert not daemon.asked["CheckKeys"]


def test_a_check_that_fails_as_a_whole(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["CheckKeys"].append(status_of(Reason.KEY_NOT_FOUND, "no such key"))
    assert run("keys", "check", "release").exit_code == 5


def test_a_long_check_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bar = Bar(10, lambda: _items("keys checked"), clock=lambda: now[0])
    bar.advance(4)
    assert capsys.readouterr().err == ""
    now[0] = PATIENCE
    bar.advance(4)
    bar.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert " 8/10 keys checked" in shown


def test_providers_as_a_table(run: Run, daemon: FakeDaemon) -> None:
    sick = Provider(name="hsm", type="pkcs11", scheme="pkcs11", detail="no token \x1b[2J")
    daemon.script["ListProviders"].append(ListProvidersResponse(providers=[sick, PROVIDER]))
    head, first, second = run("providers", "list").stdout.splitlines()
    assert head.split() == ["NAME", "TYPE", "URI", "DEFAULT", "HEALTH", "DETAIL"]
    assert first.split()[:5] == ["hsm", "pkcs11", "pkcs11:", "NOT", "OK"]
    assert "\x1b" not in first
    assert second.split() == ["local", "local", "local:", "yes", "ok", "1", "of", "1", "keys", "unlocked"]


def test_providers_as_a_document(run: Run, daemon: FakeDaemon) -> None:
    [shown] = json.loads(run("providers", "list", "-o", "json").stdout)["providers"]
    assert shown["capabilities"] == {"algorithms": ["ecdsa-p256-sha256", "ed25519"], "create": True}
    assert yaml.safe_load(run("providers", "show", "local", "-o", "yaml").stdout) == shown


@pytest.mark.parametrize(
    ("delay", "shown"),
    [
        (None, "never"),
        (Duration(), "at once"),
        (Duration(seconds=7 * 86400), "after 7 days"),
        (Duration(seconds=3600), "after 1:00:00"),
    ],
)
def test_one_provider(run: Run, daemon: FakeDaemon, delay: Duration | None, shown: str) -> None:
    provider = Provider(name="p", type="aws-kms", scheme="aws-kms", settings={"max_calls": "9", "call": "5s"})
    provider.capabilities.CopyFrom(Capabilities(imports=True, destroy_delay=delay))
    daemon.script["GetProvider"].append(GetProviderResponse(provider=provider))
    facts = dict(line.split(maxsplit=1) for line in run("providers", "show", "p").stdout.splitlines())
    assert (facts["destroy"], facts["create"], facts["import"]) == (shown, "no", "yes")
    assert (facts["call"], facts["health"]) == ("5s", "NOT OK")
    assert facts["max_calls"] == "9"
    assert daemon.asked["GetProvider"][0].name == "p"


def test_a_provider_that_nobody_configured(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["GetProvider"].append(status_of(Reason.PROVIDER_UNKNOWN, "no provider 'x'"))
    assert run("providers", "show", "x").exit_code == 2


def completions(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a shell is offered for the end of a command line."""
    from click.shell_completion import BashComplete

    *words, last = line.split(" ")
    return [one.value for one in BashComplete(main, {}, "signerctl", "X").get_completions(words, last)]


@pytest.mark.parametrize(
    "line", ["keys create x --provider lo", "keys adopt x --provider lo", "keys discover --provider "]
)
def test_names_of_providers_are_completed(
    run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    assert completions(line, monkeypatch) == ["local"]


def test_completion_without_a_daemon_offers_nothing(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signerd.cli.key_options.COMPLETION_SECONDS", 0.01)
    assert completions("providers show ", monkeypatch) == []
    assert completions("--endpoint nonsense providers show ", monkeypatch) == []


def test_the_commands_are_there() -> None:
    group = main.get_command(click.Context(main), "keys")
    assert isinstance(group, click.Group)
    assert {"adopt", "discover", "check"} <= set(group.commands)
