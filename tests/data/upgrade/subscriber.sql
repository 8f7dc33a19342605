-- A database of the subscriber as version 0.1.0 (commit 24400ff) left it, for tests/contract/test_upgrade.py.
-- The shop was at port 48764 with SHOP_PUBLIC_URL=https://shop.example, the subscriber at 48765, both
-- of 127.0.0.1. The subscriber has subscribed; its URL is registered in six more spellings; one order
-- was delivered; then the subscriber's page got a new secret twice.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('r0001');
CREATE TABLE attack_result (
	receipt_id VARCHAR NOT NULL, 
	original_id VARCHAR NOT NULL, 
	attack VARCHAR, 
	predicted_verdict VARCHAR(32) NOT NULL, 
	predicted_reason VARCHAR(32), 
	PRIMARY KEY (receipt_id), 
	FOREIGN KEY(receipt_id) REFERENCES receipt (id)
);
CREATE TABLE fault (
	id INTEGER NOT NULL, 
	document JSON NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE former_secret (
	id INTEGER NOT NULL, 
	secret VARCHAR NOT NULL, 
	since DATETIME NOT NULL, 
	replaced_at DATETIME NOT NULL, 
	until DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "former_secret" VALUES(1,'whsec_4nw4nOd0JiKMEB5YrJ+04gSbxZUs4vBBVutj+Fb7YFo=','2026-11-30 02:37:12.047449','2026-11-30 02:37:14.751307','2026-11-30 02:37:16.327216');
INSERT INTO "former_secret" VALUES(2,'whsec_R7ep49A45+mKP+LRehXfPIzCaj13dtDxlpvFmX1LloM=','2026-11-30 02:37:14.751307','2026-11-30 02:37:16.327216','2026-12-01 02:37:16.327216');
CREATE TABLE handled_message (
	id VARCHAR NOT NULL, 
	body_sha256 VARCHAR NOT NULL, 
	receipt_id VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(receipt_id) REFERENCES receipt (id)
);
INSERT INTO "handled_message" VALUES('msg_01a22a5040fb7944b62f6d12a7de4918','6664782bae4454246045a213a4275cd39e83ab91a5136c8a4198c5c97ed77578','rcp_01a22a5041e5754895e444093c75b24d');
CREATE TABLE purchase (
	receipt_id VARCHAR NOT NULL, 
	message_id VARCHAR NOT NULL, 
	event_type VARCHAR(32) NOT NULL, 
	event_id VARCHAR NOT NULL, 
	order_id VARCHAR, 
	value_cents INTEGER NOT NULL, 
	occurred_at DATETIME NOT NULL, 
	booked_at DATETIME NOT NULL, 
	PRIMARY KEY (receipt_id), 
	FOREIGN KEY(message_id) REFERENCES handled_message (id), 
	FOREIGN KEY(receipt_id) REFERENCES receipt (id)
);
INSERT INTO "purchase" VALUES('rcp_01a22a5041e5754895e444093c75b24d','msg_01a22a5040fb7944b62f6d12a7de4918','purchase.created','01a22a50-40fb-7944-b62f-6d12a7de4918','ord_01a22a5040fb7e9cb40ab96c096b5075',1490,'2026-11-30 02:37:12.000000','2026-11-30 02:37:12.549155');
CREATE TABLE purchase_state (
	order_id VARCHAR NOT NULL, 
	first_receipt_id VARCHAR NOT NULL, 
	is_overtaken BOOLEAN NOT NULL, 
	bought_cents INTEGER NOT NULL, 
	refunded_cents INTEGER NOT NULL, 
	bought_at DATETIME, 
	shipped_at DATETIME, 
	refunded_at DATETIME, 
	PRIMARY KEY (order_id)
);
INSERT INTO "purchase_state" VALUES('ord_01a22a5040fb7e9cb40ab96c096b5075','rcp_01a22a5041e5754895e444093c75b24d',0,1490,0,'2026-11-30 02:37:12.000000',NULL,NULL);
CREATE TABLE receipt (
	id VARCHAR NOT NULL, 
	received_at DATETIME NOT NULL, 
	duration_ms FLOAT NOT NULL, 
	booked_ms FLOAT, 
	verdict VARCHAR(32) NOT NULL, 
	reason VARCHAR(32), 
	status INTEGER, 
	message_id VARCHAR, 
	event_type VARCHAR, 
	value_cents INTEGER, 
	headers JSON NOT NULL, 
	body BLOB NOT NULL, 
	steps JSON NOT NULL, 
	fault VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "receipt" VALUES('rcp_01a22a5041e5754895e444093c75b24d','2026-11-30 02:37:12.549155',10.64,16.64,'accepted',NULL,200,'msg_01a22a5040fb7944b62f6d12a7de4918','purchase.created',1490,'[["host", "127.0.0.1:48765"], ["accept", "*/*"], ["accept-encoding", "identity"], ["connection", "keep-alive"], ["user-agent", "Hookshop/0.1.0"], ["content-type", "application/json"], ["webhook-id", "msg_01a22a5040fb7944b62f6d12a7de4918"], ["webhook-timestamp", "1796006232"], ["webhook-signature", "v1,21fCzpOQuyYlEPPB6h/9k6zBBlgter7r+2toJfHmVB8="], ["authorization", "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IndlYmhvb2srand0In0.eyJpc3MiOiJodHRwczovL3Nob3AuZXhhbXBsZSIsImF1ZCI6Imh0dHA6Ly8xMjcuMC4wLjE6NDg3NjUvdjEvbmV3LXB1cmNoYXNlIiwianRpIjoibXNnXzAxYTIyYTUwNDBmYjc5NDRiNjJmNmQxMmE3ZGU0OTE4IiwiaWF0IjoxNzk2MDA2MjMyLCJleHAiOjE3OTYwMDY1MzIsInBheWxvYWRfaGFzaCI6IjY2NjQ3ODJiYWU0NDU0MjQ2MDQ1YTIxM2E0Mjc1Y2QzOWU4M2FiOTFhNTEzNmM4YTQxOThjNWM5N2VkNzc1NzgifQ.WQ6t789p22RQWCrhfZw-IKNnk6qA2dvki4oZbI3jd1I"], ["content-length", "174"]]',X'7B226576656E74223A7B226964223A2230316132326135302D343066622D373934342D623632662D366431326137646534393138222C2274797065223A2270757263686173652E63726561746564222C2276616C7565223A31342E392C226F726465725F6964223A226F72645F3031613232613530343066623765396362343061623936633039366235303735227D2C2264617465223A22323032362D31312D33305430323A33373A31325A227D','[{"name": "size", "result": "passed", "detail": "174 bytes, of at most 262144"}, {"name": "content_type", "result": "passed", "detail": "application/json"}, {"name": "headers", "result": "passed", "detail": "webhook-id, webhook-timestamp, webhook-signature, authorization"}, {"name": "timestamp", "result": "passed", "detail": "0.5 s old, within 300 s"}, {"name": "signature", "result": "passed", "detail": "HMAC-SHA256 of id.timestamp.body with our secret"}, {"name": "token", "result": "passed", "detail": "HS256 with our secret; made for this body, this message and this endpoint"}, {"name": "event", "result": "passed", "detail": "purchase.created over 14.90"}, {"name": "deduplication", "result": "passed", "detail": "The first with this webhook-id"}, {"name": "booking", "result": "passed", "detail": "14.90 booked"}]',NULL);
CREATE TABLE subscription (
	endpoint_id VARCHAR NOT NULL, 
	webhook_url VARCHAR NOT NULL, 
	shop_url VARCHAR NOT NULL, 
	event_types JSON NOT NULL, 
	secret VARCHAR NOT NULL, 
	previous_secret VARCHAR, 
	previous_until DATETIME, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (endpoint_id)
);
INSERT INTO "subscription" VALUES('ep_01a22a503fd5734aaa98604ecd09b3bf','http://127.0.0.1:48765/v1/new-purchase','http://127.0.0.1:48764','["purchase.created", "purchase.shipped", "purchase.refunded"]','whsec_VQr/McPgHQJEHpq/dkBD9epFwptgy6X4kckWrj8Haio=','whsec_R7ep49A45+mKP+LRehXfPIzCaj13dtDxlpvFmX1LloM=','2026-12-01 02:37:16.327216','2026-11-30 02:37:12.047449');
CREATE TABLE switched_off_defence (
	name VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE tally (
	name VARCHAR NOT NULL, 
	amount INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "tally" VALUES('accepted',1);
INSERT INTO "tally" VALUES('duplicate',0);
INSERT INTO "tally" VALUES('ignored',0);
INSERT INTO "tally" VALUES('rejected',0);
INSERT INTO "tally" VALUES('purchases',1);
INSERT INTO "tally" VALUES('revenue_cents',1490);
CREATE INDEX ix_receipt_message_id ON receipt (message_id);
CREATE INDEX receipts_by_event_type ON receipt (event_type, id);
CREATE INDEX receipts_by_reason ON receipt (reason, id, event_type);
CREATE INDEX receipts_by_verdict ON receipt (verdict, id);
CREATE INDEX receipts_by_verdict_and_event_type ON receipt (verdict, event_type, id);
CREATE INDEX ends_of_receipts ON receipt (substr(id, -8));
CREATE INDEX ends_of_messages ON receipt (substr(message_id, -8));
CREATE INDEX ix_purchase_message_id ON purchase (message_id);
CREATE INDEX ix_purchase_state_first_receipt_id ON purchase_state (first_receipt_id);
CREATE TRIGGER tally_receipt_added AFTER INSERT ON receipt BEGIN
        UPDATE tally SET amount = amount + 1 WHERE name = NEW.verdict;
    END;
CREATE TRIGGER tally_receipt_deleted AFTER DELETE ON receipt BEGIN
        UPDATE tally SET amount = amount - 1 WHERE name = OLD.verdict;
    END;
CREATE TRIGGER tally_reason_added AFTER INSERT ON receipt
    WHEN NEW.reason IS NOT NULL BEGIN
        INSERT INTO tally VALUES ('reason:' || NEW.reason, 1)
            ON CONFLICT DO UPDATE SET amount = tally.amount + 1;
    END;
CREATE TRIGGER tally_reason_deleted AFTER DELETE ON receipt
    WHEN OLD.reason IS NOT NULL BEGIN
        UPDATE tally SET amount = amount - 1 WHERE name = 'reason:' || OLD.reason;
    END;
CREATE TRIGGER tally_purchase_added AFTER INSERT ON purchase BEGIN
        UPDATE tally SET amount = amount + (NEW.event_type = 'purchase.created')
            WHERE name = 'purchases';
        UPDATE tally SET amount = amount + NEW.value_cents WHERE name = 'revenue_cents';
    END;
CREATE TRIGGER tally_purchase_deleted AFTER DELETE ON purchase BEGIN
        UPDATE tally SET amount = amount - (OLD.event_type = 'purchase.created')
            WHERE name = 'purchases';
        UPDATE tally SET amount = amount - OLD.value_cents WHERE name = 'revenue_cents';
    END;
COMMIT;
