"""The code of docs/client.md runs, in order, against a daemon."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.docs.consoles import Shell
from tests.docs.test_pages_run import ROOT, environment, wait_for_socket

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_code_of_the_guide_runs() -> None:
    code = "\n".join(BLOCK.findall((ROOT / "docs" / "client.md").read_text("utf-8")))
    assert "asyncio.run" in code
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        (directory / "guide.py").write_text(code, "utf-8")
        shell = Shell(directory, environment(directory))
        try:
            shell.run("signerd serve 2>signerd.log &")
            wait_for_socket(directory)
            came = shell.run(f"{sys.executable} -W error guide.py")
            assert shell.run("echo $?") == "0", came
        finally:
            shell.close()
    assert came.splitlines()[0] == "True"
    assert "keys/team-a/release/versions/1 worker-0 " in came
    assert "SIGNATURE_MISMATCH signature True " in came
