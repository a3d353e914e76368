"""What a daemon without configured extras does not load: memory is every worker's."""

from __future__ import annotations

import subprocess
import sys

LATE = (
    "signerd.connections.aws",
    "signerd.mirrors.mirror",
    "signerd.mirrors.targets",
    "signerd.witnesses.quorum",
    "signerd.witnesses.witness",
)
CODE = f"import sys, signerd.daemon; print([name for name in {LATE!r} if name in sys.modules])"


def test_witnesses_and_mirrors_are_loaded_when_they_are_configured() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
