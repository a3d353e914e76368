"""Tables of the state database; the migrations in `migrations/versions` lead to exactly these.

Times are microseconds since 1970-01-01 UTC. `mac` columns are HMAC-SHA256, see `authentication`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

KEYS = Table(
    "keys",
    METADATA,
    Column("name", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("primary_version", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", name="pk_keys"),
    # Exactly one primary: the column is never null and names a version that exists when the transaction ends.
    ForeignKeyConstraint(
        ["name", "primary_version"],
        ["versions.key_name", "versions.number"],
        name="fk_keys_primary",
        deferrable=True,
        initially="DEFERRED",
        use_alter=True,
    ),
)

VERSIONS = Table(
    "versions",
    METADATA,
    Column("key_name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    PrimaryKeyConstraint("key_name", "number", name="pk_versions"),
    ForeignKeyConstraint(
        ["key_name"], ["keys.name"], name="fk_versions_key", deferrable=True, initially="DEFERRED"
    ),
    UniqueConstraint("uri", name="uq_versions_uri"),
    CheckConstraint("number >= 1", name="ck_versions_number"),
)

REVISION = Table(
    "revision",
    METADATA,
    Column("id", Integer, nullable=False, autoincrement=False),
    Column("value", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    PrimaryKeyConstraint("id", name="pk_revision"),
    CheckConstraint("id = 1", name="ck_revision_id"),
)

CHANGES = Table(
    "changes",
    METADATA,
    Column("request_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
    Column("mac", LargeBinary, nullable=False),
    PrimaryKeyConstraint("request_id", "caller", name="pk_changes"),
)

ORDERS = Table(
    "orders",
    METADATA,
    Column("tag", Text, nullable=False),
    Column("key_name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("life", Text, nullable=False),
    Column("touched", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    PrimaryKeyConstraint("tag", name="pk_orders"),
)

INSTANCE = Table(
    "instance",
    METADATA,
    Column("id", Text, nullable=False),
    PrimaryKeyConstraint("id", name="pk_instance"),
)

SHARDS = Table(
    "shards",
    METADATA,
    Column("name", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("place", Text, nullable=False),
    Column("claimed", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", name="pk_shards"),
    UniqueConstraint("token", name="uq_shards_token"),
)

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("shard", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    PrimaryKeyConstraint("shard", name="pk_checkpoints"),
    CheckConstraint("size >= 0", name="ck_checkpoints_size"),
)
