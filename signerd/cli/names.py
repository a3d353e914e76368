"""Keys as people name them: `NAME`, or the resource names that answers show."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from signerd.cli.options import INT64

KEYS = "keys/"
VERSIONS = "/versions/"  # no key name has such a part
DIGITS = re.compile("[0-9]{1,19}")


def split_name(text: str) -> tuple[str, int]:
    """Key name and version of `NAME`, `keys/NAME` or `keys/NAME/versions/N`; version 0 where none is named."""
    name = text.removeprefix(KEYS)
    if not name or name == text:
        return text, 0
    name, separator, version = name.partition(VERSIONS)
    if not separator:
        return name, 0
    number = int(version) if DIGITS.fullmatch(version) else 0
    if not 1 <= number <= INT64:
        raise click.BadParameter(f"{text!r}: {version!r} is no version of a key")
    return name, number


def plain_name(ctx: click.Context, parameter: click.Parameter, text: str) -> str:
    """The callback of a parameter that names a key and no version."""
    name, version = split_name(text)
    if version:
        raise click.BadParameter(f"{text!r} is one version; give the key, {name}")
    return name


def named_version(parameter: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Below the options of a command: take the version in a resource name as if `--version` said it."""

    def taken(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def resolved(*args: Any, **given: Any) -> Any:
            text, asked = given[parameter], given["version"]
            name, named = split_name(text)
            if named and asked and named != asked:
                raise click.UsageError(f"{text!r} and --version {asked} contradict each other")
            return function(*args, **{**given, parameter: name, "version": named or asked})

        return resolved

    return taken
