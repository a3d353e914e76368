"""Alembic environment: works on the connection that `signerd.state.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from signerd.state.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
