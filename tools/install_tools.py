"""Install pinned programs that tests and lint run, into .cache/tools; what is there already is left alone.

Run it as `python -m tools.install_tools buf cosign-v2 cosign-v3`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".cache" / "tools"
BUF_PINS = ROOT / "tools" / "buf"


class InstallFailedError(Exception):
    """A tool could not be installed; the text says why and what would help."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program at a version: where it ends up, and what puts it there."""

    version: str
    program: str
    needs: str
    install: Callable[[Tool, Path], None]


def install_go(tool: Tool, directory: Path) -> None:
    """Build a Go program from source; Go checks the modules against its checksum database."""
    run(["go", "install", "-ldflags=-s -w", tool.version], {**os.environ, "GOBIN": str(directory)})


def install_buf(_tool: Tool, directory: Path) -> None:
    """Install buf from npm; the lock file pins hashes, and no install script runs."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(BUF_PINS / name, directory / name)
    run(["npm", "install", "--prefix", str(directory), "--ignore-scripts", "--no-audit", "--no-fund"])


ALL = {
    "buf": Tool("@bufbuild/buf (tools/buf)", "node_modules/.bin/buf", "npm", install_buf),
    "cosign-v2": Tool("github.com/sigstore/cosign/v2/cmd/cosign@v2.6.4", "cosign", "go", install_go),
    "cosign-v3": Tool("github.com/sigstore/cosign/v3/cmd/cosign@v3.1.2", "cosign", "go", install_go),
}


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run an installer; its output is shown only if it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallFailedError(f"{' '.join(command[:2])} failed:\n{done.stdout}{done.stderr}".rstrip())


def program(name: str) -> Path:
    """Path of an installed tool's program."""
    return TOOLS / name / ALL[name].program


def pins(name: str) -> str:
    """What the installation must match; a tool whose pins changed is installed again."""
    lock = (BUF_PINS / "package-lock.json").read_text() if name == "buf" else ""
    return ALL[name].version + "\n" + lock


def installed(name: str) -> bool:
    """Whether the pinned version is there, completely."""
    stamp = TOOLS / name / "pins"
    return stamp.is_file() and stamp.read_text() == pins(name) and program(name).exists()


def available(name: str) -> bool:
    """Whether the tool is there, or could be installed here."""
    return installed(name) or shutil.which(ALL[name].needs) is not None


def ensure(name: str) -> Path:
    """Path of the tool's program, installed first if need be; raises InstallFailedError."""
    if installed(name):
        return program(name)
    tool = ALL[name]
    if not available(name):
        raise InstallFailedError(f"{name} is installed with {tool.needs}, which is not on the PATH")
    print(f"tools: installing {name}: {tool.version}", flush=True)
    started = time.monotonic()
    shutil.rmtree(TOOLS / name, ignore_errors=True)
    (TOOLS / name).mkdir(parents=True)
    tool.install(tool, TOOLS / name)
    (TOOLS / name / "pins").write_text(pins(name))
    print(f"tools: {name} installed in {time.monotonic() - started:.0f} s", flush=True)
    return program(name)


def main(names: list[str]) -> int:
    """Install the named tools, all of them if none is named."""
    if unknown := [name for name in names if name not in ALL]:
        print(f"unknown tool {unknown[0]!r}; known: {', '.join(ALL)}", file=sys.stderr)
        return 2
    try:
        for name in names or ALL:
            ensure(name)
    except InstallFailedError as failure:
        print(f"tools: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
