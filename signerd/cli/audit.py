"""`signerctl audit`."""

from __future__ import annotations

import click

from signerd.cli.audit_export import export
from signerd.cli.audit_proofs import checkpoint, keys, prove, rotate_key
from signerd.cli.audit_prune import prune
from signerd.cli.audit_records import list_, show, tail
from signerd.cli.audit_report import report
from signerd.cli.audit_verify import verify, verify_proof


@click.group()
def audit() -> None:
    """Read, prove, export and verify the audit log.

    \b
    Examples:
      signerctl audit list --key release --since 24h
      signerctl audit prove worker-0/42 --record r.json > r.tlog-proof
      signerctl audit verify /backup/audit --key log.pub --since checkpoint
    """


for command in (
    list_,
    show,
    tail,
    export,
    report,
    prove,
    checkpoint,
    keys,
    rotate_key,
    verify,
    verify_proof,
    prune,
):
    audit.add_command(command)
