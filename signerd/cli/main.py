"""`signerctl`: the root command. Commands are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module

import click

from signerd.cli.failures import reporting
from signerd.cli.options import Connection, connection_options, output_option

COMMANDS = {
    "status": "signerd.cli.status:status",
    "keys": "signerd.cli.keys:keys",
    "sign": "signerd.cli.sign:sign",
    "verify": "signerd.cli.verify:verify",
    "public-key": "signerd.cli.public_key:public_key",
    "providers": "signerd.cli.providers:providers",
    "audit": "signerd.cli.audit:audit",
    "evidence": "signerd.cli.evidence.commands:evidence",
    "completion": "signerd.cli.completion:completion",
    "version": "signerd.cli.version:version",
}


class Commands(click.Group):
    """The commands by name, in the order of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, for help and completion."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that has the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; what goes wrong becomes a message and an exit code."""
        with reporting(ctx):
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@connection_options
@output_option
@click.pass_context
def main(ctx: click.Context, connection: Connection) -> None:
    """Sign, verify and manage keys through a signerd daemon.

    Without --endpoint and SIGNERD_ADDR it is the daemon of this user, at
    unix:$SIGNERD_HOME/run/signerd.sock.

    \b
    Examples:
      signerctl keys create release
      signerctl sign --key release artifact.bin > artifact.sig
      signerctl verify --key release --signature artifact.sig artifact.bin
      signerctl --endpoint signer.example:8443 --ca ca.pem --cert me.pem --key-file me.key status

    \b
    Exit codes: 0 ok, 1 the signature or log does not verify, 2 usage, 3 refused,
    4 unavailable or could not be checked, 5 not found, 6 not proven: the end of an audit log, a signature.
    """
    ctx.meta[Connection.META] = connection


if __name__ == "__main__":
    main()
