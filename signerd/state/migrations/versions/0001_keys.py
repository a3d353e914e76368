"""Keys, versions, revision, answers to changes, instance."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PRIMARY = ("fk_keys_primary", ["name", "primary_version"], ["key_name", "number"])


def upgrade() -> None:
    create_keys()
    create_versions()
    create_changes()
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
        sa.CheckConstraint("id = 1", name="ck_revision_id"),
    )
    op.create_table(
        "instance", sa.Column("id", sa.Text, nullable=False), sa.PrimaryKeyConstraint("id", name="pk_instance")
    )


def create_keys() -> None:
    # SQLite takes a reference to a table that comes later and can't add one afterwards; PostgreSQL is the reverse.
    name, columns, target = PRIMARY
    inline = [] if op.get_context().dialect.name == "postgresql" else [
        sa.ForeignKeyConstraint(
            columns, [f"versions.{column}" for column in target], name=name, deferrable=True, initially="DEFERRED"
        )
    ]
    op.create_table(
        "keys",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("primary_version", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_keys"),
        *inline,
    )


def create_versions() -> None:
    op.create_table(
        "versions",
        sa.Column("key_name", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key_name", "number", name="pk_versions"),
        sa.ForeignKeyConstraint(
            ["key_name"], ["keys.name"], name="fk_versions_key", deferrable=True, initially="DEFERRED"
        ),
        sa.UniqueConstraint("uri", name="uq_versions_uri"),
        sa.CheckConstraint("number >= 1", name="ck_versions_number"),
    )
    if op.get_context().dialect.name == "postgresql":
        name, columns, target = PRIMARY
        op.create_foreign_key(
            name, "keys", "versions", columns, target, deferrable=True, initially="DEFERRED"
        )


def create_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "caller", name="pk_changes"),
    )
    op.create_index("ix_changes_created", "changes", ["created"])
