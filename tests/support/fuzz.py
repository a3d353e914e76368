"""Fuzz one parser of the auditor with atheris: `python -m tests.support.fuzz NAME -runs=N`."""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

atheris = import_module("atheris")  # not everywhere installed

with atheris.instrument_imports(include=["signerd.auditor"]):
    from tests.unit.auditor.examples import EXAMPLES
    from tests.unit.auditor.test_parsers import is_taken


def main() -> None:
    """Begin with the examples; ends with another code than 0 at the first crash."""
    name = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(EXAMPLES[name][1]):
            (Path(corpus) / str(number)).write_bytes(data)

        def check(data: bytes) -> None:
            is_taken(name, data)

        atheris.Setup([*sys.argv, corpus], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
