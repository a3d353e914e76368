"""What a configuration file may hold, and what is told of one that may not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent

import pytest

from signerd.config import Config
from signerd.config_example import example
from signerd.config_file import ConfigInvalid, embedded, load, read
from signerd.errors import Reason, SignerdError
from signerd.providers.registry import TYPES
from tests.unit.config_text import BASE, ENV, sections


def config(text: str) -> Config:
    return read(dedent(text).encode(), "c.yaml", BASE, ENV)


def problems(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(ConfigInvalid) as caught:
        read(raw, "c.yaml", BASE, ENV)
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert caught.value.message == "\n".join(p.shown("c.yaml") for p in caught.value.problems)
    return caught.value.message.splitlines()


def test_without_a_file_everything_is_under_home_and_nothing_on_the_network() -> None:
    built_in = embedded(ENV)
    assert built_in.home == Path("/srv/signerd")
    assert built_in.state.url == "sqlite:////srv/signerd/state.db"
    assert built_in.state.key_file == Path("/srv/signerd/state.key")
    assert built_in.audit.directory == Path("/srv/signerd/audit")
    assert built_in.providers["local"].directory == Path("/srv/signerd/keys")  # type: ignore[union-attr]
    assert built_in.default_provider == "local"
    assert [(one.unix, one.tcp, one.permissions) for one in built_in.listeners] == [
        (Path("/srv/signerd/run/signerd.sock"), None, 0o600)
    ]
    assert built_in.http is None
    assert built_in.workers == 1
    assert built_in.warnings() == ()


def test_an_empty_file_is_the_built_in_configuration() -> None:
    assert config("") == config("{}") == config("# nothing\n") == embedded(ENV)


def test_a_home_too_long_for_its_socket_is_told() -> None:
    with pytest.raises(SignerdError, match="Unix socket takes 1 to 107"):
        embedded({"SIGNERD_HOME": "/" + "a" * 120})


def test_home_in_the_file_moves_all_that_is_not_named() -> None:
    moved = config("{home: data, audit: {gather: 5ms}}")
    assert moved.home == BASE / "data"
    assert moved.audit.directory == BASE / "data" / "audit"
    assert moved.audit.gather == pytest.approx(0.005)
    assert moved.state.url == "sqlite:////etc/signerd/data/state.db"


def test_the_example_passes_and_shows_every_setting() -> None:
    shown = config(example())
    assert config(example().replace("# ", "# #")) == shown
    names = {name for section in sections() for name in section.model_fields}
    assert [name for name in sorted(names) if f"{name}:" not in example()] == []


def test_the_example_has_a_section_for_every_type_of_provider() -> None:
    shown = config(re.sub(r"^  # ", "  ", example(), flags=re.MULTILINE)).providers
    assert sorted(section.type for section in shown.values()) == sorted(TYPES)
    for extra in filter(None, (row.extra for row in TYPES.values())):
        assert f"signerd[{extra}]" in example()


def test_a_configuration_survives_json_as_it_goes_to_workers() -> None:
    for given_config in (config(example()), embedded(ENV)):
        assert (
            Config.model_validate(json.loads(json.dumps(given_config.model_dump(mode="json"))))
            == given_config
        )


UNKNOWN = [
    ("", "workes: 1", "did you mean workers?"),
    ("listeners[0]", "listeners: [{name: a, unix: /s, own: x}]", "did you mean owner?"),
    ("listeners[0].tls", "listeners: [{name: a, tcp: 'h:1', tls: {crt: c}}]", "did you mean cert?"),
    ("http", "http: {listn: 'h:1'}", "did you mean listen?"),
    ("state", "state: {uri: x}", "did you mean url?"),
    ("audit", "audit: {gather_ms: 2}", "did you mean gather?"),
    ("providers.p", "providers: {p: {type: local, directory: k, dir: x}}", "did you mean directory?"),
    ("limits", "limits: {steams: 1}", "did you mean streams?"),
    ("log", "log: {zzzz: 1}", "known here: format, level"),
]


@pytest.mark.parametrize(("path", "text", "hint"), UNKNOWN)
def test_an_unknown_setting_is_an_error_with_line_and_nearest_name(path: str, text: str, hint: str) -> None:
    found = problems("# first line\n" + text)
    assert len([p for p in found if "is no setting" in p and p.startswith(f"c.yaml:2: {path}")]) == 1
    assert any(p.endswith(hint) for p in found)


def test_all_problems_are_told_at_once_in_the_order_of_the_lines() -> None:
    assert problems(
        """\
        workers: true
        limits:
          request: 4MB
          payload: 5MiB
        listeners:
          - name: a
            tcp: 0.0.0.0:1
          - name: b
            unix: s
            mode: 0600
        log: debug
        """
    ) == [
        "c.yaml:1: workers: must be a whole number",
        "c.yaml:4: limits.payload: is larger than limits.request",
        "c.yaml:7: listeners[0].tcp: has no tls; give cert, key and client_ca, or set insecure_plaintext: true",
        'c.yaml:10: listeners[1].mode: is not a file mode; write it in quotes, such as "0600"',
        "c.yaml:11: log: must be a section of settings",
    ]


TLS = "tls: {cert: c, key: k"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("listeners: []", "listeners: is empty"),
        ("listeners: x", "listeners: must be a list"),
        ("listeners: [{name: a}]", "listeners[0].name: needs either unix or tcp"),
        ("listeners: [{name: a, unix: s, tcp: 'h:1'}]", "listeners[0].name: needs either unix or tcp"),
        ("listeners: [{name: A b, unix: s}]", "listeners[0].name: has characters"),
        ("listeners: [{name: a, unix: s}, {name: a, unix: t}]", "listeners: has two of the name a"),
        (f"listeners: [{{name: a, tcp: 'h:1', {TLS}}}}}]", "listeners[0].tls: has no client_ca"),
        (
            "listeners: [{name: a, tcp: 'h:1', insecure_plaintext: 1}]",
            "insecure_plaintext: must be true or false",
        ),
        (
            f"listeners: [{{name: a, tcp: 'h:1', insecure_plaintext: true, {TLS}}}}}]",
            "insecure_plaintext: contradicts tls",
        ),
        ("listeners: [{name: a, unix: s, insecure_plaintext: true}]", "has no meaning on a Unix socket"),
        ("listeners: [{name: a, tcp: 'h:1', insecure_plaintext: true, owner: x}]", "has no meaning on a TCP"),
        ("listeners: [{name: a, tcp: '8443'}]", "tcp: is not HOST:PORT"),
        (f"listeners: [{{name: a, unix: {'s' * 108}}}]", "Unix socket takes 1 to 107"),
        ("http: {}", "http.listen: http needs either listen or unix"),
        ("http: {listen: 'h:1', unix: s}", "http.listen: http needs either listen or unix"),
        ("state: {url: 'mysql://x'}", "state.url: must begin with sqlite:/// or postgresql://"),
        ("state: {url: 'sqlite:///state.db'}", "state.url: needs an absolute path"),
        ("providers: {}", "providers: is empty"),
        ("providers: {p: {directory: d}}", "providers.p: has no type"),
        ("providers: {p: {type: vault2}}", "providers.p: must have a type of"),
        ("providers: {P: {type: local, directory: d}}", "providers.P: has characters"),
        ("providers: {p: {type: local}}", "providers.p.directory: is missing"),
        (
            "providers: {p: {type: local, directory: d, password_env: 'a b'}}",
            "p.password_env: has characters",
        ),
        (
            "providers: {p: {type: local, directory: d, password_env: A, password_file: f}}",
            "providers.p.password_env: contradicts password_file",
        ),
        ("default_provider: nowhere", "default_provider: is not one of providers"),
        ("providers: {a: {type: memory}, b: {type: memory}}", "default_provider: is missing"),
        ("workers: 0", "workers: must be at least 1"),
        ("limits: {streams: 100001}", "limits.streams: must be at most 100000"),
        ("drain: soon", "drain: is not a duration"),
        ("drain: .nan", "drain: is not a duration"),
        ("checks: {interval: 8d}", "checks.interval: must be at most 604800"),
        ("checks: {interval: never}", "checks.interval: is not a duration"),
        ("log: {level: loud}", "log.level: must be 'debug', 'info', 'warning' or 'error'"),
        ("home: [a]", "home: is not a path"),
        ("1: 2", "[1]: has a name that is not text"),
        ("[a, b]", "must be a section of settings"),
        ("just text", "must be a section of settings"),
        ("workers: 1\nworkers: 2", "c.yaml:2: workers stands here twice"),
        ("log:\n  level: info\n  level: debug", "c.yaml:3: log: level stands here twice"),
        ("a: [", "is not YAML"),
        ("a: *nowhere", "is not YAML"),
        ("a: !!python/object:os.system {}", "is not YAML"),
        ("a: 2020-99-99", "is not YAML"),
        ("--- 1\n--- 2", "is not YAML"),
        ("? [a]\n: b", "is not YAML"),
        (b"\xff\xfe\xff", "is not UTF-8"),
        (b"a: \0", "is not YAML"),
        (b"[" * 5000, "is nested too deeply"),
        (b"#" * (1 << 20) + b"#", "is larger than"),
    ],
)
def test_wrong_settings(text: str | bytes, problem: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@db/x", "postgresql://db/x?password=hunter2"])
def test_a_password_in_the_url_is_refused_and_not_shown(url: str) -> None:
    (found,) = problems(f"state: {{url: '{url}'}}")
    assert "put it in a file" in found
    assert "hunter2" not in found


def test_insecure_settings_are_taken_by_name_and_warned_of() -> None:
    risky = config(
        """\
        listeners:
          - {name: a, tcp: "h:1", insecure_plaintext: true}
          - {name: b, tcp: "h:2", insecure_no_client_auth: true, tls: {cert: c, key: k}}
        providers: {p: {type: memory}}
        """
    )
    assert [text.split(":")[0] for text in risky.warnings()] == ["listener a", "listener b", "provider p"]


def test_recursive_documents_are_refused() -> None:
    assert problems("&a {home: *a}")
    assert problems("providers: &p {x: *p}")


def test_anchors_work() -> None:
    text = "providers: {a: &a {type: local, directory: d}, b: {<<: *a, directory: e}}\ndefault_provider: a"
    assert config(text).providers["b"].directory == BASE / "e"  # type: ignore[union-attr]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SignerdError, match="No such file") as caught:
        load(tmp_path / "none.yaml", ENV)
    assert caught.value.reason is Reason.CONFIG_INVALID
    with pytest.raises(SignerdError, match="Is a directory"):
        load(tmp_path, ENV)


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("providers: {p: {type: local, directory: keys}}")
    assert load(tmp_path / "c.yaml", ENV).providers["p"].directory == tmp_path / "keys"  # type: ignore[union-attr]
