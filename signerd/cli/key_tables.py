"""Keys and their versions as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from signerd.cli.output import enum_text, shows_table, time_text, write_facts, write_message, write_table

if TYPE_CHECKING:
    from signerd.v1.resources_pb2 import Key


def show_key(ctx: click.Context, key: Key) -> None:
    """Write one key."""
    if not shows_table(ctx):
        write_message(ctx, key)
        return
    write_facts(_facts(key))
    click.echo()
    write_table(
        ("VERSION", "STATE", "CREATED", "KEY ID"),
        (
            (str(one.version), state_text(one.state), time_text(one.create_time), one.key_id)
            for one in key.versions
        ),
    )


def _facts(key: Key) -> list[tuple[str, str]]:
    return [
        ("name", key.name),
        ("algorithm", key.algorithm),
        ("purpose", purpose_text(key.purpose)),
        ("provider", key.provider),
        ("primary", str(key.primary_version)),
        ("created", " by ".join(filter(None, (time_text(key.create_time), key.created_by)))),
        *((f"label {name}", value) for name, value in sorted(key.labels.items())),
    ]


def key_row(key: Key) -> tuple[str, ...]:
    """A key in one line."""
    purpose, count = purpose_text(key.purpose), str(len(key.versions))
    return key.name, key.algorithm, purpose, key.provider, str(key.primary_version), count


def purpose_text(value: int) -> str:
    """A KeyPurpose as people write it."""
    from signerd.v1.resources_pb2 import KeyPurpose

    return enum_text(KeyPurpose.Name(value), "KEY_PURPOSE_")


def state_text(value: int) -> str:
    """A KeyVersionState as people write it."""
    from signerd.v1.resources_pb2 import KeyVersionState

    return enum_text(KeyVersionState.Name(value), "KEY_VERSION_STATE_")
