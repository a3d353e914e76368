"""Named endpoints: `$XDG_CONFIG_HOME/signerd/contexts.yaml`.

contexts:
  production:
    endpoint: signer.example:8443
    ca: /etc/signer/ca.pem
    token_file: /run/secrets/token
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from signerd.errors import Reason, SignerdError

if TYPE_CHECKING:
    from signerd.client.settings import Credentials


@dataclass(frozen=True, slots=True)
class NamedEndpoint:
    """One context."""

    endpoint: str
    ca: str = ""
    cert: str = ""
    key_file: str = ""
    token_file: str = ""

    def credentials(self) -> Credentials:
        """What is set but the endpoint."""
        return {
            "ca": self.ca,
            "cert": self.cert,
            "key_file": self.key_file,
            "token_file": self.token_file,
        }


def contexts_path(env: Mapping[str, str]) -> Path:
    """Where the contexts stand."""
    config = env.get("XDG_CONFIG_HOME", "")
    root = config if config.startswith("/") else posixpath.join(env.get("HOME", "/"), ".config")
    return Path(root, "signerd", "contexts.yaml")


def context_named(path: Path, name: str) -> NamedEndpoint:
    """The context of that name; raises BadParameter where there is none, CONFIG_INVALID for a file with mistakes."""
    try:
        contexts = read_contexts(path)
    except FileNotFoundError:
        raise _unknown(name, f"there is no file {path}") from None
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise _unknown(name, f"{path} has: {known}")
    return contexts[name]


def _unknown(name: str, why: str) -> click.BadParameter:
    return click.BadParameter(f"no context {name!r}; {why}", param_hint="'--context' / '-C'")


def read_contexts(path: Path) -> dict[str, NamedEndpoint]:
    """All contexts of a file; raises FileNotFoundError, and CONFIG_INVALID for what is wrong with it."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _invalid(path, error.strerror or "can't be read", "contexts") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _invalid(path, str(error).replace("\n", " "), "contexts") from None
    top = _mapping(path, document, "contexts")
    if unknown := sorted(top.keys() - {"contexts"}):
        raise _invalid(path, f"unknown field {unknown[0]!r}; only `contexts` is known", unknown[0])
    entries = _mapping(path, top.get("contexts"), "contexts")
    return {name: _context(path, name, value) for name, value in entries.items()}


def _context(path: Path, name: str, value: object) -> NamedEndpoint:
    known = [field.name for field in fields(NamedEndpoint)]
    given = _mapping(path, value, f"contexts.{name}")
    for field, text in given.items():
        if field not in known:
            raise _invalid(
                path, f"unknown field {field!r}; known: {', '.join(known)}", f"contexts.{name}.{field}"
            )
        if not isinstance(text, str):
            raise _invalid(path, f"{field} is not text", f"contexts.{name}.{field}")
    if not given.get("endpoint"):
        raise _invalid(path, "endpoint is missing", f"contexts.{name}.endpoint")
    return NamedEndpoint(**{field: str(text) for field, text in given.items()})


def _mapping(path: Path, value: object, field: str) -> dict[str, object]:
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return value
    raise _invalid(path, f"{field} is not a mapping", field)


def _invalid(path: Path, message: str, field: str) -> SignerdError:
    return SignerdError(Reason.CONFIG_INVALID, f"{path}: {field}: {message}", field=field)
