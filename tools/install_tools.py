"""Install pinned programs that tests and lint run, into .cache/tools; what is there already is left alone.

Run it as `python -m tools.install_tools buf cosign-v2 cosign-v3 fsck sumdb kube-apiserver`.
"""

from __future__ import annotations

import json
import os
import re
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
SUMDB = ROOT / "tests" / "interop" / "sumdb"


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


def install_sumdb(_tool: Tool, directory: Path) -> None:
    """Build the program of our own that verifies logs with Go's packages; go.sum pins them."""
    run(
        ["go", "build", "-mod=readonly", "-ldflags=-s -w", "-o", str(directory / "sumdb"), "."],
        directory=SUMDB,
    )


def install_kube_apiserver(tool: Tool, directory: Path) -> None:
    """Build the Kubernetes API server. Its go.mod wants the parts of Kubernetes beside it: ours names their versions.

    The version is set as Kubernetes' own build does: clients refuse a server that has none.
    """
    module, version = tool.version.split("@")
    source = directory / "source"
    source.mkdir()
    said = run(
        ["go", "mod", "download", "-json", f"{module}@{version}"], {**os.environ, "GOFLAGS": "-mod=mod"}
    )
    (source / "go.mod").write_text(
        server_module(Path(json.loads(said)["GoMod"]).read_text(), module, version)
    )
    facts = {"gitVersion": version, "gitMajor": version[1:].split(".")[0], "gitMinor": version.split(".")[1]}
    facts |= {"gitCommit": "0", "gitTreeState": "clean"}
    stamped = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in facts.items())
    build = ["go", "build", "-p", "2", "-mod=mod", f"-ldflags=-s -w {stamped}"]
    run([*build, "-o", str(directory / "kube-apiserver"), f"{module}/cmd/kube-apiserver"], directory=source)


def server_module(go_mod: str, module: str, version: str) -> str:
    """The go.mod of a module that builds a program of Kubernetes, made from Kubernetes' own."""
    go = re.search(r"^go .*$", go_mod, re.MULTILINE)
    parts = sorted(set(re.findall(r"^\s*(k8s\.io/\S+) v0\.0\.0$", go_mod, re.MULTILINE)))
    replaced = [f"replace {part} => {part} v0.{version.partition('.')[2]}" for part in parts]
    return "\n".join(["module build", go[0] if go else "", f"require {module} {version}", *replaced, ""])


ALL = {
    "buf": Tool("@bufbuild/buf (tools/buf)", "node_modules/.bin/buf", "npm", install_buf),
    "cosign-v2": Tool("github.com/sigstore/cosign/v2/cmd/cosign@v2.6.4", "cosign", "go", install_go),
    "cosign-v3": Tool("github.com/sigstore/cosign/v3/cmd/cosign@v3.1.2", "cosign", "go", install_go),
    "fsck": Tool("github.com/transparency-dev/tessera/cmd/fsck@v1.0.4", "fsck", "go", install_go),
    "litewitness": Tool("filippo.io/torchwood/cmd/litewitness@v0.9.0", "litewitness", "go", install_go),
    "sumdb": Tool("sumdb (tests/interop/sumdb)", "sumdb", "go", install_sumdb),
    "kube-apiserver": Tool("k8s.io/kubernetes@v1.36.3", "kube-apiserver", "go", install_kube_apiserver),
}


def run(command: list[str], environment: dict[str, str] | None = None, directory: Path | None = None) -> str:
    """Run an installer; its output is shown only if it fails, and given back otherwise."""
    done = subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InstallFailedError(f"{' '.join(command[:2])} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def program(name: str) -> Path:
    """Path of an installed tool's program."""
    return TOOLS / name / ALL[name].program


def pins(name: str) -> str:
    """What the installation must match; a tool whose pins changed is installed again."""
    files = {"buf": [BUF_PINS / "package-lock.json"], "sumdb": [SUMDB / "go.sum", SUMDB / "main.go"]}
    return ALL[name].version + "\n" + "".join(file.read_text() for file in files.get(name, ()))


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
