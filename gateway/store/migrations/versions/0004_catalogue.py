"""The catalogue of snapshots, and what targets are told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables and indexes."""
    op.create_table(
        "snapshot",
        sa.Column("id", _Serial, autoincrement=True, nullable=False),
        sa.Column("merchant", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("exchange_id", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.Column("gone_at", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint(
            "merchant", "origin", "kind", "key", name=op.f("uq_snapshot_merchant_origin_kind_key")
        ),
    )
    op.create_index("ix_snapshot_sku", "snapshot", ["merchant", "sku"], unique=False)
    op.create_index("ix_snapshot_route", "snapshot", ["route"], unique=False)
    op.create_table(
        "snapshot_draft",
        sa.Column("exchange_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("exchange_id", "key", name=op.f("pk_snapshot_draft")),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchange.id"], name=op.f("fk_snapshot_draft_exchange_id")),
    )
    op.create_table(
        "pending",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("exchange_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("target", "sku", name=op.f("pk_pending")),
    )
    op.create_table(
        "offer",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("problems", sa.Text()),
        sa.Column("serial", sa.Integer(), server_default="0", nullable=False),
        sa.Column("item_id", sa.Text()),
        sa.Column("quantity", sa.Text()),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("drafted", sa.Text()),
        sa.Column("delivered", sa.Text()),
        sa.Column("delivery_id", sa.Text()),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.Column("delivered_at", sa.Text()),
        sa.PrimaryKeyConstraint("target", "sku", name=op.f("pk_offer")),
    )
    op.create_index("ix_offer_delivery", "offer", ["delivery_id"], unique=False)
    op.create_index("ix_offer_item", "offer", ["target", "item_id"], unique=False)
    op.create_index("ix_offer_sku", "offer", ["sku"], unique=False)
    where = sa.text("state = 'problem'")
    op.create_index(
        "ix_offer_problem", "offer", ["target"], unique=False, sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "feed",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("built_at", sa.Text()),
        sa.Column("braked_at", sa.Text()),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_feed")),
    )


def downgrade() -> None:
    """A ledger goes forward only: restore a backup to go back."""
    raise RuntimeError("a ledger goes forward only; restore a backup to go back")
