"""Compares a migrated database with the tables in the code."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, inspect

from signerd.state.schema import METADATA


def schema_differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    found: list[object] = list(
        compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
    )
    # Alembic compares no checks.
    for table in METADATA.tables.values():
        if table.name in inspect(connection).get_table_names():
            there = {check["name"] for check in inspect(connection).get_check_constraints(table.name)}
            found += {c.name for c in table.constraints if isinstance(c, CheckConstraint)} ^ there
    return found
