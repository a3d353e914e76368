"""Check the .proto files with buf: style, comments, and no breaking change since the last release tag.

Run it as `python -m tools.lint_proto`.

Without npm it says so and passes, but in CI (CI set) it fails.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

from tools import install_tools

ROOT = install_tools.ROOT
BUILD = ROOT / "build"
GOOGLEAPIS = Path("build") / "googleapis"  # where buf.yaml expects it
RELEASED = BUILD / "released"


def main() -> int:
    """Run both checks; returns the exit code."""
    if not install_tools.available("buf") and not os.environ.get("CI"):
        print("buf: SKIPPED, it is installed with npm, which is not on the PATH")
        return 0
    try:
        buf = str(install_tools.ensure("buf"))
    except install_tools.InstallFailedError as failure:
        print(f"buf: {failure}", file=sys.stderr)
        return 1
    copy_googleapis(ROOT)
    return lint(buf) or breaking(buf)


def copy_googleapis(workspace: Path) -> None:
    """Put google/rpc/status.proto of the installed googleapis-common-protos where buf.yaml expects it."""
    target = workspace / GOOGLEAPIS / "google" / "rpc"
    target.mkdir(parents=True, exist_ok=True)
    source = Path(sysconfig.get_path("purelib")) / "google" / "rpc" / "status.proto"
    shutil.copyfile(source, target / source.name)


def lint(buf: str) -> int:
    """Style and comments of every .proto file."""
    return subprocess.run([buf, "lint"], cwd=ROOT, check=False).returncode


def breaking(buf: str) -> int:
    """Compare with the last release: what it promised still works over the wire and in generated code."""
    tag = last_release()
    if tag is None:
        print("buf breaking: no release tag yet, nothing to compare")
        return 0
    check_out(tag)
    print(f"buf breaking: comparing with {tag}", flush=True)
    return subprocess.run([buf, "breaking", "--against", str(RELEASED)], cwd=ROOT, check=False).returncode


def last_release() -> str | None:
    """Nearest release tag below HEAD."""
    command = ["git", "describe", "--tags", "--match", "v*", "--abbrev=0"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def check_out(tag: str) -> None:
    """Lay out the released .proto files as a second workspace."""
    shutil.rmtree(RELEASED, ignore_errors=True)
    command = ["git", "archive", tag, "buf.yaml", "proto"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(RELEASED, filter="data")
    copy_googleapis(RELEASED)


if __name__ == "__main__":
    sys.exit(main())
