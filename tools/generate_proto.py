"""Generate signerd/v1 from proto/signerd/v1; with --check, only say whether it is current.

Run it as `python -m tools.generate_proto [--check]`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("signerd/v1")
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def main() -> int:
    """Generate, or check; the exit code is 1 where generating fails or the check finds a difference."""
    parser = argparse.ArgumentParser(description="Generate signerd/v1 from proto/signerd/v1.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if files are out of date")
    check: bool = parser.parse_args().check
    with tempfile.TemporaryDirectory() as made:
        if code := generate(Path(made)):
            return code
        stale = differences(Path(made) / PACKAGE, ROOT / PACKAGE)
        if check:
            return report(stale)
        replace(Path(made) / PACKAGE, ROOT / PACKAGE)
    print(f"proto: {len(stale)} files changed in {PACKAGE}")
    return 0


def generate(target: Path) -> int:
    """Run protoc into `target`; returns its exit code."""
    libraries = sysconfig.get_path("purelib")
    sources = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
    bundled = Path(protoc.__file__).parent / "_proto"  # google/protobuf/*.proto
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    # protoc writes no types for servicers and stubs; mypy-protobuf's second plugin does.
    outputs += [f"--plugin=protoc-gen-mypy_grpc={stub_plugin()}", f"--mypy_grpc_out=quiet:{target}"]
    includes = [f"-I{path}" for path in (ROOT / "proto", libraries, bundled)]
    return int(protoc.main(["protoc", *includes, *outputs, *sources]))


def stub_plugin() -> Path:
    """Path of mypy-protobuf's plugin, in the environment that runs this script."""
    return Path(sysconfig.get_path("scripts")) / "protoc-gen-mypy_grpc"


def contents(directory: Path) -> dict[str, bytes]:
    """Generated files of a directory by name."""
    return {path.name: path.read_bytes() for pattern in GENERATED for path in directory.glob(pattern)}


def differences(made: Path, committed: Path) -> list[str]:
    """Names of the files that are missing, left over or different in `committed`."""
    new, old = contents(made), contents(committed)
    return sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))


def replace(made: Path, committed: Path) -> None:
    """Put the generated files in the place of the committed ones, and remove those no longer generated."""
    for name in contents(committed).keys() - contents(made).keys():
        (committed / name).unlink()
    for name in contents(made):
        shutil.copyfile(made / name, committed / name)


def report(stale: list[str]) -> int:
    """Say what is out of date; returns the exit code."""
    for name in stale:
        print(f"{PACKAGE / name} is out of date: run `make proto` and commit the result", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
