"""`signerctl completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Write the completion script of a shell.

    \b
    Examples:
      source <(signerctl completion bash)
      signerctl completion zsh > "${fpath[1]}/_signerctl"
      signerctl completion fish > ~/.config/fish/completions/signerctl.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.BadParameter(f"no completion for {shell}")
    click.echo(made(ctx.find_root().command, {}, "signerctl", "_SIGNERCTL_COMPLETE").source())
