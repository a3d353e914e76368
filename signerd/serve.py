"""The `signerd` command: serve, config check, config example, version."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signerd import exits

if TYPE_CHECKING:
    from signerd.config import Config
    from signerd.reload import Reload


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Signs for a software supply chain; the keys stay here.

    \b
    Examples:
      signerd serve
      signerd config example > config.yaml
      signerd config check config.yaml
    """


@main.command()
@click.option(
    "--config",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="SIGNERD_CONFIG",
    help="Config file. Without one: everything under $SIGNERD_HOME, and only a Unix socket.",
)
def serve(source: Path | None) -> None:
    """Start the daemon.

    \b
    Examples:
      signerd serve
      signerd serve --config /etc/signerd/config.yaml

    Exit codes: 0 stopped, 2 the configuration is wrong, 3 refused (permissions, already running),
    4 could not start.
    """
    sys.exit(exits.guarded(lambda: _serve(source)))


@main.group()
def config() -> None:
    """Check a config file or show an example.

    \b
    Examples:
      signerd config example > config.yaml
      signerd config check config.yaml
    """


@config.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Show every problem of a config file as FILE:LINE: path: problem.

    \b
    Examples:
      signerd config check /etc/signerd/config.yaml
    """
    sys.exit(exits.guarded(lambda: _check(file)))


@config.command()
def example() -> None:
    """Print a whole config file with comments.

    \b
    Examples:
      signerd config example > config.yaml
    """
    from signerd.config_example import example as text

    click.echo(text(), nl=False)


@main.command()
def version() -> None:
    """Print the version.

    \b
    Examples:
      signerd version
    """
    click.echo(f"signerd {installed_version('signerd')}")


def _check(file: Path) -> int:
    from signerd.config_file import ConfigInvalid, load

    try:
        for warning in load(file, os.environ).warnings():
            click.echo(f"{file}: warning: {warning}", err=True)
    except ConfigInvalid as error:
        click.echo(error.message, err=True)
        return exits.USAGE
    click.echo(f"{file}: ok")
    return exits.OK


def _serve(source: Path | None) -> int:
    from signerd import config_file, home, logs, passwords, process
    from signerd.reload import Reload

    # Until the daemon listens to it, SIGHUP would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    process.harden()
    process.silence_grpc()
    settings = config_file.load(source, os.environ) if source else config_file.embedded(os.environ)
    threshold = logs.configure(settings.log.level, settings.log.format)
    taken = passwords.capture(settings.password_variables(), os.environ)
    with home.HomeLock(settings.home) as lock:
        _prepare_state(settings)
        reload = Reload(source and source.absolute(), os.environ, threshold)
        if settings.workers == 1:
            return _run_alone(settings, taken, reload)
        return _run_workers(settings, taken, reload, lock.fd)


def _prepare_state(settings: Config) -> None:
    """Bring the schema up to date, before the first thread."""
    from signerd.passwords import FilePassword
    from signerd.state.location import parse_location
    from signerd.state.migration import ensure_schema

    file = settings.state.password_file
    source = FilePassword(file) if file else None
    ensure_schema(parse_location(settings.state.url, (lambda: source().decode()) if source else None))


def _run_alone(settings: Config, taken: Mapping[str, bytes], reload: Reload) -> int:
    import uvloop

    from signerd import daemon

    return uvloop.run(daemon.run(settings, passwords=taken, reload=reload))


def _run_workers(settings: Config, taken: Mapping[str, bytes], reload: Reload, lock: int) -> int:
    import uvloop

    from signerd.supervisor import Plan, Supervisor

    async def supervise() -> int:
        return await Supervisor(settings, Plan(reload.source, reload, taken, (lock,))).run()

    return uvloop.run(supervise())
