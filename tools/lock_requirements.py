"""Pin requirements/*.txt, with hashes and without index URLs, from pyproject.toml.

Run it as `python -m tools.lock_requirements [--upgrade]`.

Versions already pinned stay unless --upgrade is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME, DEV, DOCS = "requirements/runtime.txt", "requirements/dev.txt", "requirements/docs.txt"
OPTIONS = [
    "--quiet",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--custom-compile-command=make requirements",
]
# Settings of one machine that would end up in the files, or choose other packages than elsewhere.
LOCAL = ("PIP_FIND_LINKS", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_CONSTRAINT", "UV_OVERRIDE")


def main(arguments: list[str]) -> int:
    """Write the three files, the widest first: the others take their versions from it."""
    dev = ["pyproject.toml", "--extra=all", "--group=dev"]
    for output, inputs in (
        (DEV, dev),
        (RUNTIME, ["pyproject.toml", f"--constraints={DEV}"]),
        (DOCS, ["--group=docs", f"--constraints={DEV}"]),
    ):
        print(f"requirements: {output}", flush=True)
        if code := compile_pins(output, [*inputs, *arguments]):
            return code
    return 0


def compile_pins(output: str, inputs: list[str]) -> int:
    """Resolve one set of requirements into one file; returns uv's exit code."""
    environment = {name: value for name, value in os.environ.items() if name not in LOCAL}
    command = [sys.executable, "-m", "uv", "pip", "compile", *OPTIONS, *inputs, f"--output-file={output}"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
