"""What the pages show is what happens: their console blocks are run, each page in a home of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.consoles import SECONDS, Shell, differs, steps

ROOT = Path(__file__).parents[2]
SHOWN_PORTS = ("38443", "39090")
COSIGN = ROOT / ".cache" / "tools" / "cosign-v3"
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if re.search(r"^\$ .*signerd serve.*&$", page.read_text("utf-8"), re.MULTILINE)
]


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:  # tmp_path is too long for a socket
        yield Path(made)


def environment(directory: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{COSIGN}:{os.environ['PATH']}",
        "HOME": str(directory),
        "SIGNERD_HOME": str(directory / "home"),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
    }


def with_free_ports(page: Path) -> str:
    text = page.read_text("utf-8")
    for port in SHOWN_PORTS:
        with socket.create_server(("localhost", 0)) as free:
            text = text.replace(port, str(free.getsockname()[1]))
    return text


def has_cosign() -> bool:
    return shutil.which("cosign", path=f"{COSIGN}:{os.environ['PATH']}") is not None


def wait_for_socket(directory: Path) -> None:
    end = time.monotonic() + SECONDS
    while not any(directory.rglob("*.sock")):
        assert time.monotonic() < end, "no daemon came up"
        time.sleep(0.05)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_what_happens(page: Path, directory: Path) -> None:
    for name, target in {".venv": Path(sys.prefix), "examples": ROOT / "examples"}.items():
        (directory / name).symlink_to(target)
    shell = Shell(directory, environment(directory))
    try:
        for step in steps(with_free_ports(page), () if has_cosign() else ("cosign",)):
            came = shell.run(step.command)
            assert not differs(step.shown, came), f"{page.name}:{step.line}: {step.command}\n{came}"
            if step.command.endswith("&"):
                wait_for_socket(directory)
    finally:
        shell.close()


def test_the_readme_is_among_them() -> None:
    assert ROOT / "README.md" in PAGES
