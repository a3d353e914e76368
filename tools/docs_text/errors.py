"""The reasons of errors."""

from __future__ import annotations

from signerd.cli.exits import exit_of
from signerd.errors import Reason, SignerdError
from tools.docs_text.tables import table


def render() -> str:
    """One row for each reason, in the order of the code."""
    return table(("reason", "code", "exit", "meaning", "remedy"), map(_row, Reason))


def _row(reason: Reason) -> tuple[str, ...]:
    code, meaning, remedy = reason.value
    exit_code = exit_of(SignerdError(reason)).value
    return f"`{reason.name}`", f"`{code.name}`", str(exit_code), meaning, remedy
