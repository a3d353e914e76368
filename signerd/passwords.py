"""Where a password comes from: a file, an environment variable, a systemd credential, or one made at the first start.

A source is asked when the password is needed; its repr names where it comes from, never what it is.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from signerd.errors import Reason, SignerdError
from signerd.ownership import (
    GROUP_OR_OTHERS,
    private_directory,
    read_guarded,
    sync_directory,
    too_open,
    trusted_owner,
)

PasswordSource = Callable[[], bytes]

MAX_PASSWORD = 4096
DEFAULT_VARIABLE = "SIGNERD_PASSWORD"
DEFAULT_FILE_VARIABLE = "SIGNERD_PASSWORD_FILE"
DEFAULT_CREDENTIAL = "signerd-password"
OTHERS = 0o007


@dataclass(frozen=True, slots=True)
class FilePassword:
    """A password file: read when asked, one newline at the end dropped."""

    path: Path
    forbidden: int = GROUP_OR_OTHERS

    def __call__(self) -> bytes:
        """The password; raises CONFIG_INVALID, PERMISSIONS_TOO_OPEN."""
        content = read_guarded(self.path, MAX_PASSWORD, self.forbidden, "password_file")
        return _checked(content.removesuffix(b"\n"), str(self.path))


@dataclass(frozen=True, slots=True)
class GivenPassword:
    """A password that was in the environment."""

    variable: str
    value: bytes = field(repr=False)

    def __call__(self) -> bytes:
        """The password; raises CONFIG_INVALID where it is empty."""
        return _checked(self.value, f"${self.variable}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A source, and what an operator should know about it (empty: nothing)."""

    source: PasswordSource
    warning: str = ""


def _checked(password: bytes, where: str) -> bytes:
    if password:
        return password
    raise SignerdError(Reason.CONFIG_INVALID, f"the password in {where} is empty", field="password")


def capture(variables: Iterable[str], environ: MutableMapping[str, str]) -> dict[str, bytes]:
    """Take passwords out of the environment, so that no child and no /proc/PID/environ shows them."""
    taken = {}
    for variable in (DEFAULT_VARIABLE, *variables):
        value = environ.pop(variable, None)
        if value is not None:
            taken[variable] = os.fsencode(value)
    return taken


def from_variable(variable: str, taken: Mapping[str, bytes]) -> PasswordSource:
    """The password of a variable that `capture` took; raises CONFIG_INVALID."""
    if variable not in taken:
        raise SignerdError(Reason.CONFIG_INVALID, f"${variable} is not set", field="password_env")
    return GivenPassword(variable, taken[variable])


def from_credential(name: str, environ: Mapping[str, str]) -> PasswordSource:
    """A systemd credential (systemd.exec, "Credentials"); raises CONFIG_INVALID, PERMISSIONS_TOO_OPEN."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise SignerdError(
            Reason.CONFIG_INVALID,
            f"credential {name}: $CREDENTIALS_DIRECTORY is not set; use LoadCredential= in the unit",
            field="password_credential",
        )
    try:
        owner = Path(directory).stat().st_uid
    except OSError as error:
        raise SignerdError(
            Reason.CONFIG_INVALID, f"{directory} can't be read: {error.strerror}", field="password_credential"
        ) from None
    if not trusted_owner(owner):
        raise too_open(f"{directory} belongs to neither us nor root", "password_credential")
    # systemd shows the group bits of an ACL's mask; others never have a bit.
    return FilePassword(Path(directory) / name, OTHERS)


def choose_default(home: Path, taken: Mapping[str, bytes], environ: Mapping[str, str]) -> Chosen:
    """The source where the configuration names none; makes a random password in HOME/password as the last one."""
    if named := environ.get(DEFAULT_FILE_VARIABLE):
        return Chosen(FilePassword(Path(named)))
    if DEFAULT_VARIABLE in taken:
        return Chosen(from_variable(DEFAULT_VARIABLE, taken))
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / DEFAULT_CREDENTIAL).exists():
        return Chosen(from_credential(DEFAULT_CREDENTIAL, environ))
    path = home / "password"
    make_once(path)
    return Chosen(
        FilePassword(path),
        f"no password was given, so one that signerd made stands in {path}, beside the keys it protects; "
        f"set {DEFAULT_FILE_VARIABLE} or password_file",
    )


def make_once(path: Path) -> bool:
    """Write a random password (256 bits) durably unless the file is there; whether it was made."""
    private_directory(path.parent)
    if path.exists():
        return False
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    _write(fresh, secrets.token_urlsafe(32).encode() + b"\n")
    try:
        # A link appears whole or not at all, and never replaces a password that keys are encrypted with.
        path.hardlink_to(fresh)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    sync_directory(path.parent)
    return True


def _write(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
