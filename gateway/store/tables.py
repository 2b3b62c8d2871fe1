"""The ledger's tables.

Times are text in UTC (`clock.to_text`), amounts never stand here but inside stored documents. A row that a
block of records wrote counts only once its exchange has `planned_at`: that is the one switch which turns
drafts into plans, in one transaction of constant size.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Serial = BigInteger().with_variant(Integer, "sqlite")


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of the rows that meet a condition.

    The migrations state it for PostgreSQL, too; stated here it would load that dialect with every start.
    """
    return Index(name, *columns, sqlite_where=text(where))


blob = Table(
    "blob",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("segment", Text, nullable=False, index=True),
    Column("start", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", Text, nullable=False),
)

exchange = Table(
    "exchange",
    metadata,
    Column("id", Text, primary_key=True),
    Column("merchant", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),  # exchange | adopt
    Column("input_name", Text, nullable=False),
    Column("input_size", BigInteger, nullable=False),
    Column("input_sha256", Text, nullable=False),
    Column("input_modified", Text),
    Column("configuration", Text, nullable=False),
    Column("received_at", Text, nullable=False),
    Column("last_seen", Text, nullable=False),
    Column("planned_at", Text),
    Column("failed_at", Text),
    Column("held", Text),  # why all of it waits: max_new | rehearsal
    Column("duplicate_of", Text),
    Column("problems", Text),
    Column("records", Integer, nullable=False, server_default="0"),
    Column("new", Integer, nullable=False, server_default="0"),
    Column("changed", Integer, nullable=False, server_default="0"),
    Column("same", Integer, nullable=False, server_default="0"),
    Column("set_aside", Integer, nullable=False, server_default="0"),
    Column("left_out", Integer, nullable=False, server_default="0"),
    Column("emptied_at", Text),  # retention removed its contents; the row itself stays for ever
    Column("bodies_kept", Integer, nullable=False, server_default="0"),  # emptied, but for the newest versions
    Index("ix_exchange_same_bytes", "origin", "input_sha256"),
    _partial("ix_exchange_full", "received_at", "id", where="emptied_at IS NULL"),
    Index("ix_exchange_input_sha256", "input_sha256"),
    _partial("ix_exchange_bodies", "received_at", where="bodies_kept = 1"),
    Index("ix_exchange_route", "route", "received_at"),
    Index("ix_exchange_input", "route", "input_name", "received_at"),
    Index("ix_exchange_received", "received_at"),
    _partial("ix_exchange_failed", "failed_at", where="failed_at IS NOT NULL"),
    _partial("ix_exchange_held", "held", where="held IS NOT NULL"),
    _partial("ix_exchange_open", "received_at", where="planned_at IS NULL AND failed_at IS NULL"),
)

ack = Table(
    "ack",
    metadata,
    Column("exchange_id", Text, ForeignKey("exchange.id"), primary_key=True),
    Column("route", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger),
    Column("modified", Text),
    Column("done_at", Text),
    Column("error", Text),
    _partial("ix_ack_owed", "route", "name", where="done_at IS NULL"),
)

document = Table(
    "document",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("merchant", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("forgotten_at", Text),  # a person's data was erased on request; the key stays
    UniqueConstraint("merchant", "origin", "kind", "key"),
    Index("ix_document_key", "key"),
)

version = Table(
    "version",
    metadata,
    Column("document_id", _Serial, ForeignKey("document.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("exchange_id", Text, ForeignKey("exchange.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("source_fingerprint", Text, nullable=False),
    Column("significant_fingerprint", Text, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("body", LargeBinary),
    Column("created_at", Text, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Text, primary_key=True),
    Column("sequence", _Serial, nullable=False, unique=True),
    Column("exchange_id", Text, ForeignKey("exchange.id"), nullable=False, index=True),
    Column("route", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("content_sha256", Text, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column(
        "state", Text, nullable=False
    ),  # drafted | shipping | deferred | delivered | failed | in_doubt | dropped
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Text),
    Column("staged_name", Text),
    # 1 from before a publish until it surely did not happen: only then may a missing file have been taken.
    Column("publish_begun", Integer, nullable=False, server_default="1"),
    Column("place", Text),  # where it was staged: a target that moved meanwhile must not be looked at instead
    Column("problem", Text),
    Column("created_at", Text, nullable=False),
    Column("settled_at", Text),
    Column("published_at", Text),  # when it first counted as delivered; never taken back
    Column("answered_at", Text),  # when the receiver's answer to it was read
    Column("taken_away_at", Text),  # when the answered file was removed from the target, or may stay there
    Column("take_away_due", Text),  # when that is tried again
    Column("take_away_error", Text),
    _partial("ix_delivery_due", "target", "sequence", where="state IN ('drafted', 'shipping', 'deferred')"),
    _partial("ix_delivery_parked", "state", where="state IN ('failed', 'in_doubt')"),
    _partial("ix_delivery_answered", "target", where="answered_at IS NOT NULL AND taken_away_at IS NULL"),
    _partial(
        "ix_delivery_unanswered", "target", "settled_at", where="state = 'delivered' AND answered_at IS NULL"
    ),
    Index("ix_delivery_name", "target", "name", "sequence"),
)

posting = Table(
    "posting",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document_id", _Serial, ForeignKey("document.id"), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("exchange_id", Text, ForeignKey("exchange.id"), nullable=False, index=True),
    Column("route", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("pack_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column(
        "state", Text, nullable=False
    ),  # held | planned | sent | confirmed | warned | already_there | rejected | …
    Column("reason", Text),  # why it is held: changed | cancelled | problem
    Column("problems", Text),
    Column("delivery_id", Text, ForeignKey("delivery.id"), index=True),
    Column("created_at", Text, nullable=False),
    Column("settled_at", Text),
    UniqueConstraint("document_id", "target", "generation", "ordinal"),
    _partial("ix_posting_held", "route", where="state = 'held'"),
    _partial("ix_posting_rejected", "route", where="state = 'rejected'"),
    Index("ix_posting_item", "target", "item_id"),
    Index("ix_posting_settled", "route", "settled_at"),
)

# What a receiver answered, one row per record that it names; a second answer to the same one is a second row.
receipt = Table(
    "receipt",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("exchange_id", Text, ForeignKey("exchange.id"), nullable=False, index=True),  # the answer itself
    Column("position", Integer, nullable=False),
    Column("target", Text, nullable=False),
    Column("delivery_id", Text, ForeignKey("delivery.id"), index=True),
    Column("posting_id", Text, ForeignKey("posting.id"), index=True),
    Column("verdict", Text, nullable=False),
    Column("body", LargeBinary),
    Column("at", Text, nullable=False),
)

# Under which id and number a target keeps a document of ours.
crosswalk = Table(
    "crosswalk",
    metadata,
    Column("document_id", _Serial, ForeignKey("document.id"), primary_key=True),
    Column("target", Text, primary_key=True),
    Column("ordinal", Integer, nullable=False),  # the version that it took
    Column("record_id", Text),
    Column("record_number", Text),
    Column("exchange_id", Text, ForeignKey("exchange.id"), nullable=False),
    Column("at", Text, nullable=False),
)

# The catalogue of snapshots: the latest document per key, overwritten in place.
snapshot = Table(
    "snapshot",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("merchant", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),  # product | stock | price
    Column("key", Text, nullable=False),
    Column("sku", Text, nullable=False),  # all rows of one code make one offer
    Column("route", Text, nullable=False),  # the one that brought it: `complete:` speaks of its own keys only
    Column("fingerprint", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("exchange_id", Text, nullable=False),  # that changed it last
    Column("changed_at", Text, nullable=False),
    Column("gone_at", Text),  # since when a complete input lacks it
    UniqueConstraint("merchant", "origin", "kind", "key"),
    Index("ix_snapshot_sku", "merchant", "sku"),
    Index("ix_snapshot_route", "route"),
)

# What an exchange in hand brings to the catalogue; `body` is None where the key is only seen unchanged.
snapshot_draft = Table(
    "snapshot_draft",
    metadata,
    Column("exchange_id", Text, ForeignKey("exchange.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("body", LargeBinary),
)

# The codes whose offer at a target has to be worked out anew.
pending = Table(
    "pending",
    metadata,
    Column("target", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("exchange_id", Text, nullable=False),
)

# What a target is told of a code: the posting of a snapshot, overwritten by its successor.
offer = Table(
    "offer",
    metadata,
    Column("target", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("state", Text, nullable=False),  # drafted | delivered | left_out | problem
    Column("reason", Text),  # why it is left out
    Column("problems", Text),
    Column("serial", Integer, nullable=False, server_default="0"),  # how often it was drafted
    Column("item_id", Text),
    Column("quantity", Text),
    Column("content", LargeBinary),  # the rendered record, for files that carry all offers
    Column("drafted", Text),  # the fingerprint of what was drafted last
    Column("delivered", Text),  # the fingerprint of what arrived last
    Column("delivery_id", Text),
    Column("changed_at", Text, nullable=False),
    Column("delivered_at", Text),
    Index("ix_offer_delivery", "delivery_id"),
    Index("ix_offer_item", "target", "item_id"),
    Index("ix_offer_sku", "sku"),
    _partial("ix_offer_problem", "target", where="state = 'problem'"),
)

# How far the offers of a target are.
feed = Table(
    "feed",
    metadata,
    Column("target", Text, primary_key=True),
    Column("configuration", Text, nullable=False),  # rules, template and schema that the offers were worked out by
    Column("built_at", Text),
    Column("braked_at", Text),  # the brake stopped it; a release of the target lets it pass once
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("merchant", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("identity", Text, nullable=False),  # the key, or sha256:<fragment> where there is none
    Column("route", Text, nullable=False),
    Column("first_exchange", Text, ForeignKey("exchange.id"), nullable=False),
    Column("exchange_id", Text, ForeignKey("exchange.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("fragment_sha256", Text, nullable=False),
    Column("fragment", LargeBinary),
    Column("problems", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_seen", Text, nullable=False),
    Column("last_seen", Text, nullable=False),
    Column("file", Text),
    Column("told_sha256", Text),  # the fragment that `file` holds
    Column("resolved_by", Text),  # the exchange or the operator request that settled it
    Column("resolved_at", Text),
    UniqueConstraint("merchant", "origin", "kind", "identity"),
    _partial("ix_quarantine_open", "route", where="resolved_by IS NULL"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("exchange_id", Text, index=True),
    Column("delivery_id", Text, index=True),
    Column("event", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_timeline_at", "at"),
)

lane = Table(
    "lane",
    metadata,
    Column("key", Text, primary_key=True),
    Column("ready_at", Text),
    Column("owner", Text),
    Column("lease_until", Text),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("urged", Integer, nullable=False, server_default="0"),
    Column("error", Text),
)

request = Table(
    "request",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("done_at", Text),
    Column("outcome", Text),
    _partial("ix_request_open", "id", where="done_at IS NULL"),
)

hold = Table(
    "hold",
    metadata,
    Column("scope", Text, primary_key=True),  # route:<name> | target:<name>
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("since", Text, nullable=False),
)

route_state = Table(
    "route_state",
    metadata,
    Column("route", Text, primary_key=True),
    Column("scanned_at", Text),
    Column("succeeded_at", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("problem", Text),
    Column("known_since", Text),  # when the daemon first ran it: lateness counts from here until an input came
    Column("slot_at", Text),  # the calendar slot of `schedule:` that was run last
)

# What an endpoint remembers of a route's source between two polls, such as a feed's ETag.
remembered = Table(
    "remembered",
    metadata,
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", Text, nullable=False),
)

# One row per cause that somebody was told of; `over_at` once it has passed and that was told too.
alert = Table(
    "alert",
    metadata,
    Column("cause", Text, primary_key=True),  # such as held:route:shoptet-orders
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("told_at", Text),
    Column("told_count", Integer, nullable=False, server_default="0"),  # how many matters were told
    Column("over_at", Text),
)


# Partial indexes serve only a condition that is written out: a bound parameter could be anything.
DUE = text("delivery.state IN ('drafted', 'shipping', 'deferred')")
PARKED = text("delivery.state IN ('failed', 'in_doubt')")
HELD = text("posting.state = 'held'")
NOT_OFFERED = text("offer.state = 'problem'")
REJECTED = text("posting.state = 'rejected'")
TO_TAKE_AWAY = text("delivery.answered_at IS NOT NULL AND delivery.taken_away_at IS NULL")
UNANSWERED = text("delivery.state = 'delivered' AND delivery.answered_at IS NULL")
BODIES_KEPT = text("exchange.bodies_kept = 1")
