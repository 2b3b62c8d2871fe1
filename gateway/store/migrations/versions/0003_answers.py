"""What receivers answer, under which ids they keep our documents, and which answered files are to be removed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables, columns and indexes."""
    op.add_column("delivery", sa.Column("published_at", sa.Text()))
    op.execute("UPDATE delivery SET published_at = settled_at WHERE state = 'delivered'")
    op.add_column("delivery", sa.Column("answered_at", sa.Text()))
    op.add_column("delivery", sa.Column("taken_away_at", sa.Text()))
    op.add_column("delivery", sa.Column("take_away_due", sa.Text()))
    op.add_column("delivery", sa.Column("take_away_error", sa.Text()))
    for name, table, columns, condition in (
        ("ix_delivery_answered", "delivery", ["target"], "answered_at IS NOT NULL AND taken_away_at IS NULL"),
        (
            "ix_delivery_unanswered",
            "delivery",
            ["target", "settled_at"],
            "state = 'delivered' AND answered_at IS NULL",
        ),
        ("ix_posting_rejected", "posting", ["route"], "state = 'rejected'"),
    ):
        where = sa.text(condition)
        op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_delivery_name", "delivery", ["target", "name", "sequence"], unique=False)
    op.create_index("ix_posting_item", "posting", ["target", "item_id"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("id", _Serial, autoincrement=True, nullable=False),
        sa.Column("exchange_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text()),
        sa.Column("posting_id", sa.Text()),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchange.id"], name=op.f("fk_receipt_exchange_id")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_receipt_delivery_id")),
        sa.ForeignKeyConstraint(["posting_id"], ["posting.id"], name=op.f("fk_receipt_posting_id")),
    )
    for column in ("exchange_id", "delivery_id", "posting_id"):
        op.create_index(op.f(f"ix_receipt_{column}"), "receipt", [column], unique=False)
    op.create_table(
        "crosswalk",
        sa.Column("document_id", _Serial, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Text()),
        sa.Column("record_number", sa.Text()),
        sa.Column("exchange_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "target", name=op.f("pk_crosswalk")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_crosswalk_document_id")),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchange.id"], name=op.f("fk_crosswalk_exchange_id")),
    )


def downgrade() -> None:
    """A ledger goes forward only: restore a backup to go back."""
    raise RuntimeError("a ledger goes forward only; restore a backup to go back")
