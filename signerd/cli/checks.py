"""`signerctl keys check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from signerd.cli.connection import connect
from signerd.cli.exits import Exit
from signerd.cli.names import plain_name
from signerd.cli.options import output_option
from signerd.cli.output import document_of, shows_table, write_document, write_table
from signerd.cli.progress import counting
from signerd.codes import Code
from signerd.errors import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signerd.client import Client
    from signerd.v1.keys_pb2 import KeyFinding

AT_ONCE = 8  # keys of one request
UNCHECKED = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED})


@click.command()
@click.argument("name", default="", callback=plain_name)
@output_option
@click.pass_context
def check(ctx: click.Context, name: str) -> None:
    """Have key NAME, or every key, sign something, and compare its versions with what the provider has.

    Exit code 3 when a version is not as it should be, 4 when one could not be checked.

    \b
    Examples:
      signerctl keys check release
      signerctl keys check -o json
    """
    with connect(ctx) as client:
        findings = checked(client, [name] if name else names_of(client))
    if shows_table(ctx):
        write_table(("KEY", "VERSION", "PROVIDER", "TIME", "RESULT"), map(_row, findings))
    else:
        write_document(ctx, {"findings": [document_of(one) for one in findings]})
    ctx.exit(exit_of_findings(findings))


def names_of(client: Client) -> list[str]:
    """Names of all keys."""
    names: list[str] = []
    token = ""
    while True:
        page = client.list_keys(page_size=1000, page_token=token)
        names += [key.name for key in page.keys]
        token = page.next_page_token
        if not token:
            return names


def checked(client: Client, names: Sequence[str]) -> list[KeyFinding]:
    """Findings of the keys, asked for a few at a time."""
    findings: list[KeyFinding] = []
    with counting(len(names), "keys checked") as done:
        for start in range(0, len(names), AT_ONCE):
            few = names[start : start + AT_ONCE]
            findings += client.check_keys(few).findings
            done(len(few))
    return findings


def exit_of_findings(findings: Sequence[KeyFinding]) -> Exit:
    """What is wrong weighs more than what could not be checked."""
    bad = [one.reason for one in findings if not one.ok]
    if not bad:
        return Exit.OK
    return Exit.UNAVAILABLE if all(map(_is_unchecked, bad)) else Exit.REFUSED


def _is_unchecked(reason: str) -> bool:
    return reason in Reason.__members__ and Reason[reason].value.code in UNCHECKED


def _row(one: KeyFinding) -> tuple[str, ...]:
    result = "ok" if one.ok else f"{one.reason}: {one.message}"
    return one.key, str(one.version), one.provider, f"{one.milliseconds} ms", result
