"""The client of a command: endpoint and credentials from options, context and environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from signerd.cli.options import Connection

if TYPE_CHECKING:
    from signerd.client import Client
    from signerd.client.settings import Credentials


def connect(ctx: click.Context) -> Client:
    """A client for the daemon that was asked for; use it in `with`."""
    from signerd.client import Client, settings_from

    connection: Connection = ctx.meta[Connection.META]
    env = dict(os.environ)
    endpoint, credentials = connection.endpoint or "", _credentials(connection)
    if connection.context:
        from signerd.cli.contexts import context_named, contexts_path

        named = context_named(contexts_path(env), connection.context)
        endpoint, env = endpoint or named.endpoint, {}
        credentials = named.credentials() | credentials
    return Client(settings_from(env, endpoint, **credentials), timeout=connection.timeout)


def _credentials(connection: Connection) -> Credentials:
    found: Credentials = {}
    if connection.ca:
        found["ca"] = connection.ca
    if connection.cert:
        found["cert"] = connection.cert
    if connection.key_file:
        found["key_file"] = connection.key_file
    if connection.token_file:
        found["token_file"] = connection.token_file
    if connection.insecure_plaintext:
        found["insecure"] = True
    if connection.expected_uid is not None:
        found["expected_uid"] = connection.expected_uid
    return found
