"""Clocks, remembered feeds, alerts, retention, and persons who were forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("document", sa.Column("forgotten_at", sa.Text()))
    op.add_column("delivery", sa.Column("publish_begun", sa.Integer(), server_default="1", nullable=False))
    op.add_column("route_state", sa.Column("known_since", sa.Text()))
    op.add_column("route_state", sa.Column("slot_at", sa.Text()))
    op.add_column("exchange", sa.Column("emptied_at", sa.Text()))
    op.add_column("exchange", sa.Column("bodies_kept", sa.Integer(), nullable=False, server_default="0"))
    for name, columns, where in (
        ("ix_exchange_full", ["received_at", "id"], sa.text("emptied_at IS NULL")),
        ("ix_exchange_bodies", ["received_at"], sa.text("bodies_kept = 1")),
    ):
        op.create_index(name, "exchange", columns, unique=False, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_exchange_input_sha256", "exchange", ["input_sha256"], unique=False)
    op.create_index("ix_delivery_content_sha256", "delivery", ["content_sha256"], unique=False)
    op.create_index("ix_timeline_at", "timeline", ["at"], unique=False)
    op.create_table(
        "remembered",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("route", "key", name=op.f("pk_remembered")),
    )
    op.create_table(
        "alert",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("told_at", sa.Text()),
        sa.Column("told_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("over_at", sa.Text()),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_alert")),
    )


def downgrade() -> None:
    """A ledger goes forward only: restore a backup to go back."""
    raise RuntimeError("a ledger goes forward only; restore a backup to go back")
