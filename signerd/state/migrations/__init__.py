"""Alembic scripts; run by `signerd.state.upgrade` only, in a process of its own."""
