"""Parts of pages that are made from code: current, and noticed when they are not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from signerd.core.algorithms import TABLE
from signerd.errors import Reason
from signerd.v1 import admin_pb2, audit_pb2, keys_pb2, providers_pb2, resources_pb2, signer_pb2
from tools.docs_text import commands
from tools.write_docs import PARTS, ROOT, pages, written

DOCS = ROOT / "docs"


def test_every_page_is_current() -> None:
    for page in pages(ROOT):
        text = page.read_text("utf-8")
        assert written(text) == text, f"{page.name}: run `make docs-text`"


def test_every_part_stands_in_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in pages(ROOT))
    for name in PARTS:
        assert text.count(f"<!-- begin {name} -->") == 1


@pytest.mark.parametrize("inside", ["", "old text\n"])
def test_a_stale_part_is_replaced_and_all_else_stays(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.write_docs.PARTS", {"one": lambda: "new"})
    made = written(f"before\n<!-- begin one -->\n{inside}<!-- end one -->\nafter\n")
    assert made == "before\n<!-- begin one -->\n\nnew\n\n<!-- end one -->\nafter\n"


def test_a_part_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(KeyError):
        written("<!-- begin nothing -->\n<!-- end nothing -->\n")


def test_every_reason_and_algorithm_has_its_row() -> None:
    errors, algorithms = (DOCS / "errors.md").read_text(), (DOCS / "algorithms.md").read_text()
    assert [reason.name for reason in Reason if f"\n| `{reason.name}` |" not in errors] == []
    assert [row.name for row in TABLE if f"\n| `{row.name}`" not in algorithms] == []


def test_every_message_and_field_of_the_api_is_described() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    for module in (admin_pb2, audit_pb2, keys_pb2, providers_pb2, resources_pb2, signer_pb2):
        for name, message in module.DESCRIPTOR.message_types_by_name.items():
            section = page.split(f"\n### {name}\n")[1].split("\n### ")[0]
            described = [line for line in section.splitlines() if line.startswith("| `")]
            assert len(described) == len(message.fields)
            assert not any(line.endswith("|  |") for line in described)


@pytest.mark.parametrize(
    "arguments", [["signerctl", "--help"], ["signerctl", "keys", "import", "-h"], ["signerd", "serve", "-h"]]
)
def test_help_is_what_the_program_prints(arguments: list[str]) -> None:
    program = Path(sys.executable).with_name(arguments[0])
    environment: Mapping[str, str] = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(
        [program, *arguments[1:]], env=environment, capture_output=True, text=True, check=True
    )
    assert f"```text\n{done.stdout}```" in (DOCS / "cli.md").read_text("utf-8")


@pytest.mark.parametrize("program", commands.PROGRAMS)
def test_every_option_has_a_help_text(program: str) -> None:
    for context in commands.contexts(commands.PROGRAMS[program], None, program):
        assert context.command.help
        options = (one for one in context.command.params if isinstance(one, click.Option))
        assert [one.name for one in options if not one.help] == []
