"""The parsers under atheris, where it is installed: coverage leads it, which hypothesis does not look at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.auditor.examples import EXAMPLES

RUNS = 300_000


@pytest.mark.soak
@pytest.mark.parametrize("name", EXAMPLES)
def test_atheris_finds_no_crash(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    command = [
        sys.executable,
        "-m",
        "tests.support.fuzz",
        name,
        f"-runs={RUNS}",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done" in done.stderr
