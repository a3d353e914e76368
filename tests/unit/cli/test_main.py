"""What the root command promises: light help, errors as messages, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from signerd.cli import main as main_module
from signerd.cli.main import COMMANDS
from signerd.errors import Reason
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_daemon import FakeDaemon, status_of
from tools.docs_text.commands import PROGRAMS, contexts

HEAVY = ("grpc", "google.protobuf", "rich", "yaml", "cryptography", "boto3", "hvac", "kubernetes", "asyncio")
PROBE = """
import json, sys
from click.testing import CliRunner
from signerd.cli.main import main
before = set(sys.modules)
runner = CliRunner()
for line in json.loads(sys.argv[1]):
    result = runner.invoke(main, [*line, "--help"])
    assert result.exit_code == 0, (line, result.output)
    assert "Examples:" in result.output, line
print(json.dumps(sorted(sys.modules)))
"""
LINES: list[list[str]] = [
    [],
    *([name] for name in COMMANDS),
    *(["keys", name] for name in ("create", "list", "show", "import", "adopt", "discover", "check")),
    *(["providers", name] for name in ("list", "show")),
    *(["audit", name] for name in ("list", "show")),
]


def test_no_help_loads_anything_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(LINES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert [name for name in HEAVY if name in loaded] == []


def test_help_of_the_program_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", main_module.__name__, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in done.stdout] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_help_of_every_command_has_examples_of_it(program: str) -> None:
    shown = {one.command_path: one.get_help() for one in contexts(PROGRAMS[program], None, program)}
    assert len(shown) >= (6 if program == "signerd" else 15)
    for path, text in shown.items():
        assert re.search(rf"\n  Examples:\n(    .*\n)*?    .*{path}", text), path


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.SIGNATURE_MISMATCH, 1),
        (Reason.KEY_NAME_INVALID, 2),
        (Reason.CALLER_DENIED, 3),
        (Reason.INTERNAL, 4),
        (Reason.KEY_NOT_FOUND, 5),
    ],
)
def test_errors_say_message_reason_and_remedy(
    run: Run, daemon: FakeDaemon, reason: Reason, code: int
) -> None:
    daemon.script["GetKey"].append(status_of(reason, "what happened"))
    result = run("keys", "show", "release")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"error: what happened [{reason.name}]\n  {reason.value.remedy}\n"


def test_errors_are_json_with_o_json(run: Run, daemon: FakeDaemon) -> None:
    daemon.script["GetKey"].append(status_of(Reason.KEY_NOT_FOUND, "no such key", field="name"))
    result = run("-o", "json", "keys", "show", "release")
    error = json.loads(result.stderr)["error"]
    assert (error["reason"], error["message"], error["field"]) == ("KEY_NOT_FOUND", "no such key", "name")


def test_no_daemon_is_exit_code_4(run: Run) -> None:
    result = run("status")
    assert result.exit_code == 4
    assert "DAEMON_UNREACHABLE" in result.stderr
    assert "signerd serve" in result.stderr


def test_absent_file_is_usage(run: Run, daemon: FakeDaemon) -> None:
    result = run("sign", "--key", "release", "absent.bin")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: absent.bin: No such file")


def test_a_defect_is_a_message_not_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr(main_module, "import_module", broken)
    result = run("status")
    assert result.exit_code == 4
    assert result.stderr == "error: a defect in signerctl: RuntimeError: oops [INTERNAL]\n"


def test_interrupt_is_130_and_quiet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "import_module", interrupted)
    result = run("status")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_plain_tcp_is_refused_unless_said(run: Run) -> None:
    refused = run("--endpoint", "localhost:1", "status")
    assert refused.exit_code == 2
    assert "--insecure-plaintext" in refused.stderr
    said = run("--endpoint", "localhost:1", "--insecure-plaintext", "--timeout", "0.2", "status")
    assert said.exit_code == 4


LARGEST = str(2**63 - 1)


@pytest.mark.parametrize(
    "line",
    [
        ("sign", "--key", "release", "--digest", "sha256:" + "ab" * 32, "--version"),
        ("verify", "--key", "release", "--signature", "s", "--digest", "sha256:" + "ab" * 32, "--version"),
        ("public-key", "release", "--version"),
        ("audit", "list", "--limit"),
    ],
)
def test_numbers_are_those_of_the_api(
    run: Run, daemon: FakeDaemon, directory: Path, line: tuple[str, ...]
) -> None:
    (directory / "s").write_bytes(b"signature")
    assert run(*line, LARGEST).exit_code == 0
    daemon.asked.clear()
    for wrong in (str(2**63), "99999999999999999999", "-1", "1.5"):
        result = run(*line, wrong)
        assert (result.exit_code, daemon.asked) == (2, {})
        assert line[-1] in result.stderr


@pytest.mark.parametrize("uid", ["-1", str(2**32 - 1), "root"])
def test_user_ids_are_those_of_the_system(run: Run, daemon: FakeDaemon, uid: str) -> None:
    assert run("--expected-uid", uid, "status").exit_code == 2


def test_unknown_commands_are_usage_errors(run: Run) -> None:
    assert run("sing").exit_code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_SIGNERCTL_COMPLETE" in result.stdout


def test_version_needs_no_daemon(run: Run) -> None:
    assert run("version").stdout.startswith("signerctl 0.")
    assert "version" in json.loads(run("version", "-o", "json").stdout)


def test_a_reader_that_went_away_is_not_a_wrong_signature() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", main_module.__name__, "version"],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (4, b"")
