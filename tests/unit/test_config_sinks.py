"""The section audit.sinks: strict, with problems at their lines, and nothing in the clear by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from signerd.config import Config
from signerd.config_file import ConfigInvalid, read
from signerd.config_sinks import FileSink, HttpSink, SyslogSink

BASE = Path("/etc/signerd")


def config_of(*sinks: str) -> Config:
    text = "audit:\n  sinks:\n" + "".join(f"    - {sink}\n" for sink in sinks)
    return read(text.encode(), "c.yaml", BASE, {"SIGNERD_HOME": "/var/lib/signerd"})


def problem_of(*sinks: str) -> str:
    with pytest.raises(ConfigInvalid) as raised:
        config_of(*sinks)
    (problem,) = raised.value.problems
    return problem.shown("c.yaml")


def test_each_type_has_settings_of_its_own() -> None:
    file, syslog, http = config_of(
        "{name: copy, type: file, path: audit.jsonl, required: true}",
        "{name: logs, type: syslog, address: 'logs.example.org:6514', tls: {ca: ca.crt}, timeout: 2s}",
        "{name: siem, type: http, url: 'https://siem.example.org/events', token_file: token, queue: 5000}",
    ).audit.sinks
    assert isinstance(file, FileSink)
    assert (file.path, file.required, file.timeout) == (BASE / "audit.jsonl", True, 5.0)
    assert isinstance(syslog, SyslogSink)
    assert syslog.tls is not None
    assert (syslog.tls.ca, syslog.timeout, syslog.facility) == (BASE / "ca.crt", 2.0, "audit")
    assert isinstance(http, HttpSink)
    assert (http.token_file, http.queue, http.required) == (BASE / "token", 5000, False)


@pytest.mark.parametrize(
    ("sink", "shown"),
    [
        ("{name: a, type: kafka}", "c.yaml:3: audit.sinks[0]: must have a type of 'file', 'syslog', 'http'"),
        ("{name: a, type: file}", "c.yaml:3: audit.sinks[0].path: is missing"),
        ("{name: a, type: file, path: p, url: u}", "c.yaml:3: audit.sinks[0].url: is no setting; "),
        ("{name: A, type: file, path: p}", "c.yaml:3: audit.sinks[0].name: has characters "),
        ("{name: a, type: file, path: p, timeout: 0s}", "c.yaml:3: audit.sinks[0].timeout: "),
        ("{name: a, type: file, path: p, timeout: 61s}", "c.yaml:3: audit.sinks[0].timeout: must be at most"),
        ("{name: a, type: file, path: p, queue: 10}", "c.yaml:3: audit.sinks[0].queue: must be at least"),
        (
            "{name: a, type: syslog, address: 'h.example:514'}",
            "c.yaml:3: audit.sinks[0].address: gets records in",
        ),
        ("{name: a, type: http, url: 'http://h.example/'}", "c.yaml:3: audit.sinks[0].url: gets records in"),
        ("{name: a, type: http, url: 'http://u:p@h/'}", "c.yaml:3: audit.sinks[0].url: has characters"),
        (
            "{name: a, type: http, url: 'http://localhost/', tls: {}}",
            "c.yaml:3: audit.sinks[0].tls: has no meaning",
        ),
        (
            "{name: a, type: syslog, address: 'h:514', tls: {cert: c}}",
            "c.yaml:3: audit.sinks[0].tls.cert: goes with key",
        ),
        (
            "{name: a, type: syslog, address: 'h:514', tls: {}, insecure_plaintext: true}",
            "c.yaml:3: audit.sinks[0].insecure_plaintext: contradicts tls",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(sink: str, shown: str) -> None:
    assert problem_of(sink).startswith(shown)


def test_two_sinks_of_one_name_are_refused() -> None:
    one = "{name: a, type: file, path: p}"
    assert problem_of(one, one) == "c.yaml:2: audit.sinks: has two of the name a"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_nothing_is_needed_for_a_receiver_on_this_machine(host: str) -> None:
    config = config_of(
        f"{{name: a, type: syslog, address: '{host}:514'}}", f"{{name: b, type: http, url: 'http://{host}/'}}"
    )
    assert config.warnings() == ()


def test_records_in_the_clear_are_warned_of() -> None:
    config = config_of("{name: a, type: http, url: 'http://h.example/', insecure_plaintext: true}")
    assert config.warnings() == ("sink a: insecure_plaintext is set, records are sent in the clear",)
