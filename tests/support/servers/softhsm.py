"""SoftHSM: tokens in a directory of their own, the section of the configuration that names one, and OpenSC's tool."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from signerd.config_providers import Pkcs11Provider as Section
from signerd.providers.base import Setup
from signerd.providers.pkcs11.provider import Pkcs11Provider

PIN = "742-Geheim-№9"
SO_PIN = "10203040"
LABEL = "signerd test"
_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


def find_module() -> Path:
    """SoftHSM's module; skips where it is not installed."""
    named = os.environ.get("SIGNERD_TEST_SOFTHSM")
    for path in [named] if named else _MODULES:
        if Path(path).exists():
            return Path(path)
    pytest.skip("SoftHSM is not installed: apt-get install softhsm2")


def find_program(name: str, package: str) -> str:
    """Path of a program; skips where it is not installed."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed: apt-get install {package}")


class SoftHsm:
    """Tokens below a directory; the first is made at once."""

    def __init__(self, directory: Path, label: str = LABEL, pin: str = PIN) -> None:
        self.module = find_module()
        self.label = label
        self.pin = pin
        self.tokens = directory / "tokens"
        self.tokens.mkdir()
        self.conf = directory / "softhsm2.conf"
        self.conf.write_text(f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n")
        self.add(label)

    @property
    def environment(self) -> dict[str, str]:
        """What the module must find in its environment."""
        return {"SOFTHSM2_CONF": str(self.conf)}

    def add(self, label: str) -> None:
        """Make one more token with the same PIN."""
        program = find_program("softhsm2-util", "softhsm2")
        self._run(program, "--init-token", "--free", "--label", label, "--pin", self.pin, "--so-pin", SO_PIN)

    def remove(self) -> None:
        """Pull the token out."""
        self.tokens.rename(self.tokens.with_name("pulled"))
        self.tokens.mkdir()

    def put_back(self) -> None:
        """Put the token in again."""
        self.tokens.rmdir()
        self.tokens.with_name("pulled").rename(self.tokens)

    def section(self, **changes: Any) -> Section:
        """The section of the configuration for the first token."""
        given = {"module": self.module, "token": self.label, "environment": self.environment}
        return Section(**{"type": "pkcs11", "pin": {"env": "SIGNERD_TEST_PIN"}, **given, **changes})

    def setup(self, pin: Callable[[], bytes] | None = None, **changes: Any) -> Setup:
        """What a provider for the first token is built from."""
        return Setup("hsm", self.section(**changes), {"pin": pin or self.pin.encode})

    def open(self, pin: Callable[[], bytes] | None = None, **changes: Any) -> Pkcs11Provider:
        """A provider for the first token; must be closed."""
        return Pkcs11Provider(self.setup(pin, **changes))

    def tool(self, *arguments: str, login: bool = True) -> str:
        """What pkcs11-tool prints."""
        program = find_program("pkcs11-tool", "opensc")
        given = ["--module", str(self.module), "--token-label", self.label, *arguments]
        return self._run(program, *given, *(["--login", "--pin", self.pin] if login else []))

    def _run(self, *command: str) -> str:
        run = partial(
            subprocess.run, capture_output=True, text=True, errors="replace", timeout=60, check=False
        )
        done = run(command, env={**os.environ, **self.environment})
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)
