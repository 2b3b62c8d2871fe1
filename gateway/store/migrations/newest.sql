CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE blob (
	sha256 TEXT NOT NULL,
	segment TEXT NOT NULL,
	start BIGINT NOT NULL,
	size BIGINT NOT NULL,
	created_at TEXT NOT NULL,
	CONSTRAINT pk_blob PRIMARY KEY (sha256)
);
CREATE INDEX ix_blob_segment ON blob (segment);
CREATE TABLE document (
	id INTEGER NOT NULL,
	merchant TEXT NOT NULL,
	origin TEXT NOT NULL,
	kind TEXT NOT NULL,
	"key" TEXT NOT NULL, forgotten_at TEXT,
	CONSTRAINT pk_document PRIMARY KEY (id),
	CONSTRAINT uq_document_merchant_origin_kind_key UNIQUE (merchant, origin, kind, "key")
);
CREATE INDEX ix_document_key ON document ("key");
CREATE TABLE exchange (
	id TEXT NOT NULL,
	merchant TEXT NOT NULL,
	route TEXT NOT NULL,
	origin TEXT NOT NULL,
	kind TEXT NOT NULL,
	mode TEXT NOT NULL,
	input_name TEXT NOT NULL,
	input_size BIGINT NOT NULL,
	input_sha256 TEXT NOT NULL,
	input_modified TEXT,
	configuration TEXT NOT NULL,
	received_at TEXT NOT NULL,
	last_seen TEXT NOT NULL,
	planned_at TEXT,
	failed_at TEXT,
	held TEXT,
	duplicate_of TEXT,
	problems TEXT,
	records INTEGER DEFAULT '0' NOT NULL,
	new INTEGER DEFAULT '0' NOT NULL,
	changed INTEGER DEFAULT '0' NOT NULL,
	same INTEGER DEFAULT '0' NOT NULL,
	set_aside INTEGER DEFAULT '0' NOT NULL,
	left_out INTEGER DEFAULT '0' NOT NULL, emptied_at TEXT, bodies_kept INTEGER DEFAULT '0' NOT NULL,
	CONSTRAINT pk_exchange PRIMARY KEY (id)
);
CREATE INDEX ix_exchange_failed ON exchange (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX ix_exchange_held ON exchange (held) WHERE held IS NOT NULL;
CREATE INDEX ix_exchange_input ON exchange (route, input_name, received_at);
CREATE INDEX ix_exchange_open ON exchange (received_at) WHERE planned_at IS NULL AND failed_at IS NULL;
CREATE INDEX ix_exchange_received ON exchange (received_at);
CREATE INDEX ix_exchange_route ON exchange (route, received_at);
CREATE INDEX ix_exchange_same_bytes ON exchange (origin, input_sha256);
CREATE TABLE hold (
	scope TEXT NOT NULL,
	reason TEXT NOT NULL,
	actor TEXT NOT NULL,
	since TEXT NOT NULL,
	CONSTRAINT pk_hold PRIMARY KEY (scope)
);
CREATE TABLE lane (
	"key" TEXT NOT NULL,
	ready_at TEXT,
	owner TEXT,
	lease_until TEXT,
	epoch BIGINT DEFAULT '0' NOT NULL,
	failures INTEGER DEFAULT '0' NOT NULL,
	urged INTEGER DEFAULT '0' NOT NULL,
	error TEXT,
	CONSTRAINT pk_lane PRIMARY KEY ("key")
);
CREATE TABLE request (
	id INTEGER NOT NULL,
	at TEXT NOT NULL,
	actor TEXT NOT NULL,
	action TEXT NOT NULL,
	arguments TEXT NOT NULL,
	done_at TEXT,
	outcome TEXT,
	CONSTRAINT pk_request PRIMARY KEY (id)
);
CREATE INDEX ix_request_open ON request (id) WHERE done_at IS NULL;
CREATE TABLE route_state (
	route TEXT NOT NULL,
	scanned_at TEXT,
	succeeded_at TEXT,
	failures INTEGER DEFAULT '0' NOT NULL,
	problem TEXT, known_since TEXT, slot_at TEXT,
	CONSTRAINT pk_route_state PRIMARY KEY (route)
);
CREATE TABLE timeline (
	id INTEGER NOT NULL,
	at TEXT NOT NULL,
	exchange_id TEXT,
	delivery_id TEXT,
	event TEXT NOT NULL,
	detail TEXT NOT NULL,
	CONSTRAINT pk_timeline PRIMARY KEY (id)
);
CREATE INDEX ix_timeline_delivery_id ON timeline (delivery_id);
CREATE INDEX ix_timeline_exchange_id ON timeline (exchange_id);
CREATE TABLE ack (
	exchange_id TEXT NOT NULL,
	route TEXT NOT NULL,
	name TEXT NOT NULL,
	size BIGINT,
	modified TEXT,
	done_at TEXT,
	error TEXT,
	CONSTRAINT pk_ack PRIMARY KEY (exchange_id),
	CONSTRAINT fk_ack_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id)
);
CREATE INDEX ix_ack_owed ON ack (route, name) WHERE done_at IS NULL;
CREATE TABLE delivery (
	id TEXT NOT NULL,
	sequence INTEGER NOT NULL,
	exchange_id TEXT NOT NULL,
	route TEXT NOT NULL,
	target TEXT NOT NULL,
	name TEXT NOT NULL,
	content_sha256 TEXT NOT NULL,
	size BIGINT NOT NULL,
	state TEXT NOT NULL,
	attempts INTEGER DEFAULT '0' NOT NULL,
	due_at TEXT,
	staged_name TEXT,
	place TEXT,
	problem TEXT,
	created_at TEXT NOT NULL,
	settled_at TEXT, publish_begun INTEGER DEFAULT '1' NOT NULL, published_at TEXT, answered_at TEXT, taken_away_at TEXT, take_away_due TEXT, take_away_error TEXT,
	CONSTRAINT pk_delivery PRIMARY KEY (id),
	CONSTRAINT fk_delivery_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id),
	CONSTRAINT uq_delivery_sequence UNIQUE (sequence)
);
CREATE INDEX ix_delivery_due ON delivery (target, sequence) WHERE state IN ('drafted', 'shipping', 'deferred');
CREATE INDEX ix_delivery_exchange_id ON delivery (exchange_id);
CREATE INDEX ix_delivery_parked ON delivery (state) WHERE state IN ('failed', 'in_doubt');
CREATE TABLE quarantine (
	id INTEGER NOT NULL,
	merchant TEXT NOT NULL,
	origin TEXT NOT NULL,
	kind TEXT NOT NULL,
	identity TEXT NOT NULL,
	route TEXT NOT NULL,
	first_exchange TEXT NOT NULL,
	exchange_id TEXT NOT NULL,
	position INTEGER NOT NULL,
	fragment_sha256 TEXT NOT NULL,
	fragment BLOB,
	problems TEXT NOT NULL,
	count INTEGER NOT NULL,
	first_seen TEXT NOT NULL,
	last_seen TEXT NOT NULL,
	file TEXT,
	told_sha256 TEXT,
	resolved_by TEXT,
	resolved_at TEXT,
	CONSTRAINT pk_quarantine PRIMARY KEY (id),
	CONSTRAINT fk_quarantine_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id),
	CONSTRAINT fk_quarantine_first_exchange FOREIGN KEY(first_exchange) REFERENCES exchange (id),
	CONSTRAINT uq_quarantine_merchant_origin_kind_identity UNIQUE (merchant, origin, kind, identity)
);
CREATE INDEX ix_quarantine_exchange_id ON quarantine (exchange_id);
CREATE INDEX ix_quarantine_open ON quarantine (route) WHERE resolved_by IS NULL;
CREATE TABLE version (
	document_id INTEGER NOT NULL,
	ordinal INTEGER NOT NULL,
	exchange_id TEXT NOT NULL,
	position INTEGER NOT NULL,
	source_fingerprint TEXT NOT NULL,
	significant_fingerprint TEXT NOT NULL,
	cancelled INTEGER NOT NULL,
	body BLOB,
	created_at TEXT NOT NULL,
	CONSTRAINT pk_version PRIMARY KEY (document_id, ordinal),
	CONSTRAINT fk_version_document_id FOREIGN KEY(document_id) REFERENCES document (id),
	CONSTRAINT fk_version_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id)
);
CREATE INDEX ix_version_exchange_id ON version (exchange_id);
CREATE TABLE posting (
	id TEXT NOT NULL,
	document_id INTEGER NOT NULL,
	ordinal INTEGER NOT NULL,
	exchange_id TEXT NOT NULL,
	route TEXT NOT NULL,
	target TEXT NOT NULL,
	generation INTEGER DEFAULT '0' NOT NULL,
	pack_id TEXT NOT NULL,
	item_id TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT,
	problems TEXT,
	delivery_id TEXT,
	created_at TEXT NOT NULL,
	settled_at TEXT,
	CONSTRAINT pk_posting PRIMARY KEY (id),
	CONSTRAINT fk_posting_delivery_id FOREIGN KEY(delivery_id) REFERENCES delivery (id),
	CONSTRAINT fk_posting_document_id FOREIGN KEY(document_id) REFERENCES document (id),
	CONSTRAINT fk_posting_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id),
	CONSTRAINT uq_posting_document_id_target_generation_ordinal UNIQUE (document_id, target, generation, ordinal)
);
CREATE INDEX ix_posting_delivery_id ON posting (delivery_id);
CREATE INDEX ix_posting_document_id ON posting (document_id);
CREATE INDEX ix_posting_exchange_id ON posting (exchange_id);
CREATE INDEX ix_posting_held ON posting (route) WHERE state = 'held';
CREATE INDEX ix_posting_settled ON posting (route, settled_at);
CREATE INDEX ix_exchange_full ON exchange (received_at, id) WHERE emptied_at IS NULL;
CREATE INDEX ix_exchange_bodies ON exchange (received_at) WHERE bodies_kept = 1;
CREATE INDEX ix_exchange_input_sha256 ON exchange (input_sha256);
CREATE INDEX ix_delivery_content_sha256 ON delivery (content_sha256);
CREATE INDEX ix_timeline_at ON timeline (at);
CREATE TABLE remembered (
	route TEXT NOT NULL,
	"key" TEXT NOT NULL,
	value TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_remembered PRIMARY KEY (route, "key")
);
CREATE TABLE alert (
	cause TEXT NOT NULL,
	kind TEXT NOT NULL,
	message TEXT NOT NULL,
	since TEXT NOT NULL,
	told_at TEXT,
	told_count INTEGER DEFAULT '0' NOT NULL,
	over_at TEXT,
	CONSTRAINT pk_alert PRIMARY KEY (cause)
);
CREATE INDEX ix_delivery_answered ON delivery (target) WHERE answered_at IS NOT NULL AND taken_away_at IS NULL;
CREATE INDEX ix_delivery_unanswered ON delivery (target, settled_at) WHERE state = 'delivered' AND answered_at IS NULL;
CREATE INDEX ix_posting_rejected ON posting (route) WHERE state = 'rejected';
CREATE INDEX ix_delivery_name ON delivery (target, name, sequence);
CREATE INDEX ix_posting_item ON posting (target, item_id);
CREATE TABLE receipt (
	id INTEGER NOT NULL,
	exchange_id TEXT NOT NULL,
	position INTEGER NOT NULL,
	target TEXT NOT NULL,
	delivery_id TEXT,
	posting_id TEXT,
	verdict TEXT NOT NULL,
	body BLOB,
	at TEXT NOT NULL,
	CONSTRAINT pk_receipt PRIMARY KEY (id),
	CONSTRAINT fk_receipt_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id),
	CONSTRAINT fk_receipt_delivery_id FOREIGN KEY(delivery_id) REFERENCES delivery (id),
	CONSTRAINT fk_receipt_posting_id FOREIGN KEY(posting_id) REFERENCES posting (id)
);
CREATE INDEX ix_receipt_exchange_id ON receipt (exchange_id);
CREATE INDEX ix_receipt_delivery_id ON receipt (delivery_id);
CREATE INDEX ix_receipt_posting_id ON receipt (posting_id);
CREATE TABLE crosswalk (
	document_id INTEGER NOT NULL,
	target TEXT NOT NULL,
	ordinal INTEGER NOT NULL,
	record_id TEXT,
	record_number TEXT,
	exchange_id TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_crosswalk PRIMARY KEY (document_id, target),
	CONSTRAINT fk_crosswalk_document_id FOREIGN KEY(document_id) REFERENCES document (id),
	CONSTRAINT fk_crosswalk_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id)
);
CREATE TABLE snapshot (
	id INTEGER NOT NULL,
	merchant TEXT NOT NULL,
	origin TEXT NOT NULL,
	kind TEXT NOT NULL,
	"key" TEXT NOT NULL,
	sku TEXT NOT NULL,
	route TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	body BLOB NOT NULL,
	exchange_id TEXT NOT NULL,
	changed_at TEXT NOT NULL,
	gone_at TEXT,
	CONSTRAINT pk_snapshot PRIMARY KEY (id),
	CONSTRAINT uq_snapshot_merchant_origin_kind_key UNIQUE (merchant, origin, kind, "key")
);
CREATE INDEX ix_snapshot_sku ON snapshot (merchant, sku);
CREATE INDEX ix_snapshot_route ON snapshot (route);
CREATE TABLE snapshot_draft (
	exchange_id TEXT NOT NULL,
	"key" TEXT NOT NULL,
	sku TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	body BLOB,
	CONSTRAINT pk_snapshot_draft PRIMARY KEY (exchange_id, "key"),
	CONSTRAINT fk_snapshot_draft_exchange_id FOREIGN KEY(exchange_id) REFERENCES exchange (id)
);
CREATE TABLE pending (
	target TEXT NOT NULL,
	sku TEXT NOT NULL,
	exchange_id TEXT NOT NULL,
	CONSTRAINT pk_pending PRIMARY KEY (target, sku)
);
CREATE TABLE offer (
	target TEXT NOT NULL,
	sku TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT,
	problems TEXT,
	serial INTEGER DEFAULT '0' NOT NULL,
	item_id TEXT,
	quantity TEXT,
	content BLOB,
	drafted TEXT,
	delivered TEXT,
	delivery_id TEXT,
	changed_at TEXT NOT NULL,
	delivered_at TEXT,
	CONSTRAINT pk_offer PRIMARY KEY (target, sku)
);
CREATE INDEX ix_offer_delivery ON offer (delivery_id);
CREATE INDEX ix_offer_item ON offer (target, item_id);
CREATE INDEX ix_offer_sku ON offer (sku);
CREATE INDEX ix_offer_problem ON offer (target) WHERE state = 'problem';
CREATE TABLE feed (
	target TEXT NOT NULL,
	configuration TEXT NOT NULL,
	built_at TEXT,
	braked_at TEXT,
	CONSTRAINT pk_feed PRIMARY KEY (target)
);
INSERT INTO alembic_version (version_num) VALUES ('0005');
