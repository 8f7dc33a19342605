-- A database of the shop as version 0.1.0 (commit 24400ff) left it, for tests/contract/test_upgrade.py.
-- The shop was at port 48764 with SHOP_PUBLIC_URL=https://shop.example, the subscriber at 48765, both
-- of 127.0.0.1. The subscriber has subscribed; its URL is registered in six more spellings; one order
-- was delivered; then the subscriber's page got a new secret twice.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('r0003');
CREATE TABLE attempt (
	delivery_id VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	endpoint_id VARCHAR NOT NULL, 
	"trigger" VARCHAR(32) NOT NULL, 
	decided_at DATETIME, 
	due_at DATETIME, 
	delay JSON, 
	enqueued_at DATETIME, 
	started_at DATETIME NOT NULL, 
	duration_ms INTEGER NOT NULL, 
	timings JSON, 
	request_url VARCHAR NOT NULL, 
	request_headers JSON NOT NULL, 
	response_status INTEGER, 
	response_headers JSON, 
	response_body BLOB, 
	response_truncated BOOLEAN NOT NULL, 
	error VARCHAR, 
	error_detail VARCHAR, 
	PRIMARY KEY (delivery_id, number), 
	FOREIGN KEY(delivery_id) REFERENCES delivery (id), 
	FOREIGN KEY(endpoint_id) REFERENCES endpoint (id)
);
INSERT INTO "attempt" VALUES('dlv_01a22a5040fb7d4f99795ecb9e86ce5d',1,'ep_01a22a503fd5734aaa98604ecd09b3bf','automatic','2026-11-30 02:37:12.315434','2026-11-30 02:37:12.315434','null',NULL,'2026-11-30 02:37:12.547270',21,'{"connecting_ms": 0.5, "waiting_ms": 19.8, "reading_ms": 0.1, "reused_connection": false}','http://127.0.0.1:48765/v1/new-purchase','{"host": "127.0.0.1:48765", "accept": "*/*", "accept-encoding": "identity", "connection": "keep-alive", "user-agent": "Hookshop/0.1.0", "content-type": "application/json", "webhook-id": "msg_01a22a5040fb7944b62f6d12a7de4918", "webhook-timestamp": "1796006232", "webhook-signature": "v1,21fCzpOQuyYlEPPB6h/9k6zBBlgter7r+2toJfHmVB8=", "authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IndlYmhvb2srand0In0.eyJpc3MiOiJodHRwczovL3Nob3AuZXhhbXBsZSIsImF1ZCI6Imh0dHA6Ly8xMjcuMC4wLjE6NDg3NjUvdjEvbmV3LXB1cmNoYXNlIiwianRpIjoibXNnXzAxYTIyYTUwNDBmYjc5NDRiNjJmNmQxMmE3ZGU0OTE4IiwiaWF0IjoxNzk2MDA2MjMyLCJleHAiOjE3OTYwMDY1MzIsInBheWxvYWRfaGFzaCI6IjY2NjQ3ODJiYWU0NDU0MjQ2MDQ1YTIxM2E0Mjc1Y2QzOWU4M2FiOTFhNTEzNmM4YTQxOThjNWM5N2VkNzc1NzgifQ.WQ6t789p22RQWCrhfZw-IKNnk6qA2dvki4oZbI3jd1I", "content-length": "174"}',200,'{"date": "Mon, 30 Nov 2026 02:37:11 GMT", "server": "uvicorn", "referrer-policy": "same-origin", "content-security-policy": "default-src ''self''; base-uri ''none''; object-src ''none''; form-action ''self''; frame-ancestors ''none''", "x-content-type-options": "nosniff", "link": "<http://127.0.0.1:48765/receipts/rcp_01a22a5041e5754895e444093c75b24d>; rel=\"describedby\"", "content-type": "application/json", "content-length": "74", "x-request-id": "req_6cb1eb6a1d0157bb"}',X'7B22726563656970745F6964223A227263705F3031613232613530343165353735343839356534343430393363373562323464222C2276657264696374223A226163636570746564227D',0,NULL,NULL);
CREATE TABLE attempt_tally (
	endpoint_id VARCHAR NOT NULL, 
	minute INTEGER NOT NULL, 
	reason VARCHAR NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	total_ms BIGINT NOT NULL, 
	last_at DATETIME NOT NULL, 
	PRIMARY KEY (endpoint_id, minute, reason, writer)
)
 WITHOUT ROWID

;
INSERT INTO "attempt_tally" VALUES('ep_01a22a503fd5734aaa98604ecd09b3bf',29933437,'',0,1,21,'2026-11-30 02:37:12.547270');
CREATE TABLE attempt_total (
	endpoint_id VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	up_to_ms INTEGER NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	total_ms BIGINT NOT NULL, 
	PRIMARY KEY (endpoint_id, outcome, up_to_ms, writer)
)
 WITHOUT ROWID

;
INSERT INTO "attempt_total" VALUES('ep_01a22a503fd5734aaa98604ecd09b3bf','succeeded',25,0,1,21);
CREATE TABLE delivery (
	id VARCHAR NOT NULL, 
	message_id VARCHAR NOT NULL, 
	endpoint_id VARCHAR NOT NULL, 
	event_type VARCHAR(32) NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	attempt_count INTEGER NOT NULL, 
	next_attempt_at DATETIME, 
	waits_since DATETIME NOT NULL, 
	next_trigger VARCHAR(32) NOT NULL, 
	next_delay JSON, 
	fence INTEGER NOT NULL, 
	lease_expires_at DATETIME, 
	last_status INTEGER, 
	last_error VARCHAR, 
	created_at DATETIME NOT NULL, 
	completed_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(endpoint_id) REFERENCES endpoint (id), 
	FOREIGN KEY(message_id) REFERENCES message (id)
);
INSERT INTO "delivery" VALUES('dlv_01a22a5040fb7d4f99795ecb9e86ce5d','msg_01a22a5040fb7944b62f6d12a7de4918','ep_01a22a503fd5734aaa98604ecd09b3bf','purchase.created','succeeded',1,NULL,'2026-11-30 02:37:12.315434','automatic','null',1,NULL,200,NULL,'2026-11-30 02:37:12.315434','2026-11-30 02:37:12.568453');
INSERT INTO "delivery" VALUES('dlv_01a22a5040fb70adb85de7259a3d87cf','msg_01a22a5040fb7944b62f6d12a7de4918','ep_01a22a50400170c4a759d1f2f3bae81e','purchase.created','cancelled',0,NULL,'2026-11-30 02:37:12.315434','automatic','null',0,NULL,NULL,NULL,'2026-11-30 02:37:12.315434','2026-11-30 02:37:12.579794');
INSERT INTO "delivery" VALUES('dlv_01a22a5040fb7977a6a5a9478ddcfb82','msg_01a22a5040fb7944b62f6d12a7de4918','ep_01a22a50400771fdb03d94950a869a94','purchase.created','cancelled',0,NULL,'2026-11-30 02:37:12.315434','automatic','null',0,NULL,NULL,NULL,'2026-11-30 02:37:12.315434','2026-11-30 02:37:12.671041');
INSERT INTO "delivery" VALUES('dlv_01a22a5040fb7849a7de0aff6ebfa3b8','msg_01a22a5040fb7944b62f6d12a7de4918','ep_01a22a50403770bca89156ab835004ed','purchase.created','cancelled',0,NULL,'2026-11-30 02:37:12.315434','automatic','null',0,NULL,NULL,NULL,'2026-11-30 02:37:12.315434','2026-11-30 02:37:12.772155');
INSERT INTO "delivery" VALUES('dlv_01a22a5040fb7932906fb1717a6349c4','msg_01a22a5040fb7944b62f6d12a7de4918','ep_01a22a5040677e34a0c58334666c6341','purchase.created','cancelled',0,NULL,'2026-11-30 02:37:12.315434','automatic','null',0,NULL,NULL,NULL,'2026-11-30 02:37:12.315434','2026-11-30 02:37:12.903146');
INSERT INTO "delivery" VALUES('dlv_01a22a5040fb7abd8b040fad61e87622','msg_01a22a5040fb7944b62f6d12a7de4918','ep_01a22a50409770459c8e2ed935b4fc8f','purchase.created','cancelled',0,NULL,'2026-11-30 02:37:12.315434','automatic','null',0,NULL,NULL,NULL,'2026-11-30 02:37:12.315434','2026-11-30 02:37:13.015121');
INSERT INTO "delivery" VALUES('dlv_01a22a5040fb768e89d5a71f7e33c05d','msg_01a22a5040fb7944b62f6d12a7de4918','ep_01a22a5040c772aaac7b197803c8fcad','purchase.created','cancelled',0,NULL,'2026-11-30 02:37:12.315434','automatic','null',0,NULL,NULL,NULL,'2026-11-30 02:37:12.315434','2026-11-30 02:37:13.115079');
CREATE TABLE delivery_tally (
	minute INTEGER NOT NULL, 
	endpoint_id VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	PRIMARY KEY (minute, endpoint_id, state, writer)
)
 WITHOUT ROWID

;
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a503fd5734aaa98604ecd09b3bf','pending',0,0);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a503fd5734aaa98604ecd09b3bf','sending',0,0);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a503fd5734aaa98604ecd09b3bf','succeeded',0,1);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50400170c4a759d1f2f3bae81e','cancelled',0,1);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50400170c4a759d1f2f3bae81e','pending',0,0);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50400771fdb03d94950a869a94','cancelled',0,1);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50400771fdb03d94950a869a94','pending',0,0);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50403770bca89156ab835004ed','cancelled',0,1);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50403770bca89156ab835004ed','pending',0,0);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a5040677e34a0c58334666c6341','cancelled',0,1);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a5040677e34a0c58334666c6341','pending',0,0);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50409770459c8e2ed935b4fc8f','cancelled',0,1);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a50409770459c8e2ed935b4fc8f','pending',0,0);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a5040c772aaac7b197803c8fcad','cancelled',0,1);
INSERT INTO "delivery_tally" VALUES(29933437,'ep_01a22a5040c772aaac7b197803c8fcad','pending',0,0);
CREATE TABLE endpoint (
	id VARCHAR NOT NULL, 
	webhook_url VARCHAR NOT NULL, 
	description VARCHAR NOT NULL, 
	event_types JSON NOT NULL, 
	status VARCHAR(32) NOT NULL, 
	disabled_reason VARCHAR, 
	failed_deliveries INTEGER NOT NULL, 
	failed_attempts INTEGER NOT NULL, 
	places INTEGER NOT NULL, 
	probe_at DATETIME, 
	created_at DATETIME NOT NULL, 
	deleted_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "endpoint" VALUES('ep_01a22a503fd5734aaa98604ecd09b3bf','http://127.0.0.1:48765/v1/new-purchase','The subscriber','["purchase.created", "purchase.shipped", "purchase.refunded"]','active',NULL,0,0,21,NULL,'2026-11-30 02:37:12.021764',NULL);
INSERT INTO "endpoint" VALUES('ep_01a22a50400170c4a759d1f2f3bae81e','HTTP://127.0.0.1:48765/v1/new-purchase','','["purchase.created"]','active',NULL,0,0,20,NULL,'2026-11-30 02:37:12.065380',NULL);
INSERT INTO "endpoint" VALUES('ep_01a22a50400771fdb03d94950a869a94','http://127.0.0.1:048765/v1/new-purchase','','["purchase.created"]','active',NULL,0,0,20,NULL,'2026-11-30 02:37:12.071419',NULL);
INSERT INTO "endpoint" VALUES('ep_01a22a50403770bca89156ab835004ed','http://127.0.0.1:48765/v1/new-purchase#','','["purchase.created"]','active',NULL,0,0,20,NULL,'2026-11-30 02:37:12.119321',NULL);
INSERT INTO "endpoint" VALUES('ep_01a22a5040677e34a0c58334666c6341','http://127.0.0.1:48765/v1/new-purchase#section','','["purchase.created"]','active',NULL,0,0,20,NULL,'2026-11-30 02:37:12.167261',NULL);
INSERT INTO "endpoint" VALUES('ep_01a22a50409770459c8e2ed935b4fc8f','HTTP://127.0.0.1:0048765/v1/new-purchase#','','["purchase.created"]','active',NULL,0,0,20,NULL,'2026-11-30 02:37:12.215458',NULL);
INSERT INTO "endpoint" VALUES('ep_01a22a5040c772aaac7b197803c8fcad','http://127.0.0.1.:48765/v1/new-purchase','','["purchase.created"]','active',NULL,0,0,20,NULL,'2026-11-30 02:37:12.263398',NULL);
CREATE TABLE endpoint_secret (
	id VARCHAR NOT NULL, 
	endpoint_id VARCHAR NOT NULL, 
	locked_secret VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(endpoint_id) REFERENCES endpoint (id)
);
INSERT INTO "endpoint_secret" VALUES('sec_01a22a503fd5762d8ce943a21c2ee500','ep_01a22a503fd5734aaa98604ecd09b3bf','gAAAAABrDOFYjOU5IBu4lF7iBTgONPxwhsQAU_zgQsaPCTH40u8QecYQxUdTTroT4D_qXPqHemjJIA-5C3AmadBPXwQzoDVfoI9yv3IKSO5Fk9pHhjKnjzKWmjMNp1KHWhGKxYbE5VDNvvRxgwOhj8P2xQRVMdLiNA==','2026-11-30 02:37:12.021764','2026-12-01 02:37:14.697491');
INSERT INTO "endpoint_secret" VALUES('sec_01a22a5040017a50a3e4ffc8ec1396f0','ep_01a22a50400170c4a759d1f2f3bae81e','gAAAAABrDOFYs2Np7-IemAa8lB1IZi40Kih1zcmEEv3N1wFL5SKo1BcDvjKY2QFgscioW__HyFNOuNcyCk1DuhgzcYF0qJMNJj0iss0EThStE-YOTCDQ3SWIZ_gdJpw8q-UsHarGVhMtKA1uNnwrC5C_OJKTIfLyZQ==','2026-11-30 02:37:12.065380',NULL);
INSERT INTO "endpoint_secret" VALUES('sec_01a22a5040077a6abc7cad7a361662cb','ep_01a22a50400771fdb03d94950a869a94','gAAAAABrDOFYDQXL8IA1vwCAPMTzuOKdGd2svJbfa2buF7nELgt0yt9tA5G07q6a0yEWX8qebUgM_S-Esc003GsUh-NM3EIIWnaMm-NAi-G2WiTSjjbcc9yZBy-uP64m1TftlzTdbbEgUunEXWgQDbXcnCc1um8yXA==','2026-11-30 02:37:12.071419',NULL);
INSERT INTO "endpoint_secret" VALUES('sec_01a22a50403770098bbacadc20d058f7','ep_01a22a50403770bca89156ab835004ed','gAAAAABrDOFYI3OOLGTeTkTzTLz0crFsouv53AH_GOFxgVz7HYMQjbvDIUJHg9Ys9K-rxjsTWHVmRnQpIYlCNZ6v7K01O6LIlQ5N9ilySDdzCZNi_Xw_QL-qZlDEfibRBarzIGgFUPHskILY5XR1WKDpPZqfQghKuw==','2026-11-30 02:37:12.119321',NULL);
INSERT INTO "endpoint_secret" VALUES('sec_01a22a5040677e6ab0e171f569104549','ep_01a22a5040677e34a0c58334666c6341','gAAAAABrDOFYUK45qBppT0RgUUOreGlSyRuPdNvQyyT3CkQlu_TgXInjcVpSv4LtPhGxO61QEqdt2JWzCQ7u8HJ5pJPHz5PKtCnNEhhaBCFs6BtKMK-9C1iRL-OMHeuoz7Yws40Ntfm9ApM5SbK_Fq8RPJ46FoRu3g==','2026-11-30 02:37:12.167261',NULL);
INSERT INTO "endpoint_secret" VALUES('sec_01a22a5040977f24853855a1d4d751cd','ep_01a22a50409770459c8e2ed935b4fc8f','gAAAAABrDOFY6EB26-vHBlbPLN7pZVFgc_TTA-FgL-qjBOg6EyNvF2VyPU4fHAvEqOb0bolEP6oxoqrrWyPD99y-rErH08eRKN2PWClAlG1XpzUpPaGDhXwp8nCkBPfweIMQKSWWGW1ebTxHyGZhN_531_eTHXkbig==','2026-11-30 02:37:12.215458',NULL);
INSERT INTO "endpoint_secret" VALUES('sec_01a22a5040c77f5191e5a90170dc578a','ep_01a22a5040c772aaac7b197803c8fcad','gAAAAABrDOFYfQEQlClgvp3c0HFixekL98fp_UMuFeGDXKyBZYDGVt45_XnwelW23Gv6bIo3DKBM1AuZ1tDppwN3WI4ziuRsHYZcQtqD3lRnxwapbpjdVamPmwV9FH3DyTvf8LY8OpZkMqd9ISjQfmIeEQvkmjdo7g==','2026-11-30 02:37:12.263398',NULL);
INSERT INTO "endpoint_secret" VALUES('sec_01a22a504a4977d1ac776627091cb958','ep_01a22a503fd5734aaa98604ecd09b3bf','gAAAAABrDOFaltEnP1YRb_-97knB_vRQpyviOo-9c3DjS6OQn2MUZOWpBVcLPc3WRyFH9qPCVcTa2jrvf230MR_rfLZdJHrxjQCZslSnOOBPKjOv_bJMienf_mInAhzwctdGlQKHIrPq_rvIzUQv4prBo0mGtrTQWw==','2026-11-30 02:37:14.697491','2026-12-01 02:37:16.276674');
INSERT INTO "endpoint_secret" VALUES('sec_01a22a50507470e390e0180341b1cc16','ep_01a22a503fd5734aaa98604ecd09b3bf','gAAAAABrDOFc4G0pJQZwuLWarERRfggxCHfBhiw5jhho2REGxYknXQdi5Jl4g1HJW7eupvfyBnMmADgOX8qGi1Qh6oFR9obGOyzqrRE5laMnLdyhmzSebPw9MRoyiG7yf2XL8CjgVxKD-Vb6MFwH_Pt9YKvWH7zo2Q==','2026-11-30 02:37:16.276674',NULL);
CREATE TABLE message (
	id VARCHAR NOT NULL, 
	event_type VARCHAR(32) NOT NULL, 
	order_id VARCHAR, 
	body BLOB NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(order_id) REFERENCES shop_order (id)
);
INSERT INTO "message" VALUES('msg_01a22a5040fb7944b62f6d12a7de4918','purchase.created','ord_01a22a5040fb7e9cb40ab96c096b5075',X'7B226576656E74223A7B226964223A2230316132326135302D343066622D373934342D623632662D366431326137646534393138222C2274797065223A2270757263686173652E63726561746564222C2276616C7565223A31342E392C226F726465725F6964223A226F72645F3031613232613530343066623765396362343061623936633039366235303735227D2C2264617465223A22323032362D31312D33305430323A33373A31325A227D','2026-11-30 02:37:12.315434');
CREATE TABLE order_line (
	order_id VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	product_id VARCHAR NOT NULL, 
	product_name VARCHAR NOT NULL, 
	unit_price_cents INTEGER NOT NULL, 
	quantity INTEGER NOT NULL, 
	PRIMARY KEY (order_id, position), 
	FOREIGN KEY(order_id) REFERENCES shop_order (id)
);
INSERT INTO "order_line" VALUES('ord_01a22a5040fb7e9cb40ab96c096b5075',1,'mug','Enamel Mug',1490,1);
CREATE TABLE order_tally (
	minute INTEGER NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	total_cents BIGINT NOT NULL, 
	PRIMARY KEY (minute, writer)
)
 WITHOUT ROWID

;
INSERT INTO "order_tally" VALUES(-1,0,1,1490);
INSERT INTO "order_tally" VALUES(29933437,0,1,1490);
CREATE TABLE shop_order (
	id VARCHAR NOT NULL, 
	customer_name VARCHAR NOT NULL, 
	total_cents INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	shipped_at DATETIME, 
	refunded_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "shop_order" VALUES('ord_01a22a5040fb7e9cb40ab96c096b5075','',1490,'2026-11-30 02:37:12.315434',NULL,NULL);
CREATE TABLE state_tally (
	endpoint_id VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	PRIMARY KEY (endpoint_id, state, writer)
)
 WITHOUT ROWID

;
INSERT INTO "state_tally" VALUES('ep_01a22a503fd5734aaa98604ecd09b3bf','pending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22a503fd5734aaa98604ecd09b3bf','sending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22a503fd5734aaa98604ecd09b3bf','succeeded',0,1);
INSERT INTO "state_tally" VALUES('ep_01a22a50400170c4a759d1f2f3bae81e','cancelled',0,1);
INSERT INTO "state_tally" VALUES('ep_01a22a50400170c4a759d1f2f3bae81e','pending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22a50400771fdb03d94950a869a94','cancelled',0,1);
INSERT INTO "state_tally" VALUES('ep_01a22a50400771fdb03d94950a869a94','pending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22a50403770bca89156ab835004ed','cancelled',0,1);
INSERT INTO "state_tally" VALUES('ep_01a22a50403770bca89156ab835004ed','pending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22a5040677e34a0c58334666c6341','cancelled',0,1);
INSERT INTO "state_tally" VALUES('ep_01a22a5040677e34a0c58334666c6341','pending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22a50409770459c8e2ed935b4fc8f','cancelled',0,1);
INSERT INTO "state_tally" VALUES('ep_01a22a50409770459c8e2ed935b4fc8f','pending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22a5040c772aaac7b197803c8fcad','cancelled',0,1);
INSERT INTO "state_tally" VALUES('ep_01a22a5040c772aaac7b197803c8fcad','pending',0,0);
CREATE TABLE used_idempotency_key (
	"key" VARCHAR NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	order_id VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(order_id) REFERENCES shop_order (id)
);
CREATE INDEX ix_shop_order_created_at ON shop_order (created_at);
CREATE UNIQUE INDEX one_live_endpoint_per_url ON endpoint (webhook_url) WHERE deleted_at IS NULL;
CREATE INDEX ix_endpoint_secret_endpoint_id ON endpoint_secret (endpoint_id);
CREATE INDEX ix_message_order_id ON message (order_id);
CREATE INDEX deliveries_by_endpoint ON delivery (endpoint_id, id);
CREATE INDEX deliveries_by_endpoint_and_state ON delivery (endpoint_id, state, id, event_type);
CREATE INDEX deliveries_by_endpoint_and_event_type ON delivery (endpoint_id, event_type, id);
CREATE INDEX deliveries_by_event_type ON delivery (event_type, id);
CREATE INDEX deliveries_by_state ON delivery (state, id, event_type);
CREATE INDEX deliveries_of_endpoint ON delivery (endpoint_id, state, next_attempt_at);
CREATE INDEX due_deliveries ON delivery (state, next_attempt_at);
CREATE INDEX ix_delivery_message_id ON delivery (message_id);
CREATE INDEX unfinished_deliveries ON delivery (endpoint_id, created_at) WHERE state IN ('pending', 'sending');
CREATE INDEX attempts_of_endpoint ON attempt (endpoint_id, started_at, response_status, duration_ms);
CREATE INDEX ends_of_deliveries ON delivery (substr(id, 29));
CREATE INDEX ends_of_messages ON message (substr(id, 29));
CREATE INDEX ends_of_orders ON shop_order (substr(id, 29));
CREATE INDEX attempts_by_minute ON attempt_tally (minute);
CREATE TRIGGER tally_order_added AFTER INSERT ON shop_order BEGIN
        INSERT INTO order_tally (minute, writer, amount, total_cents)
            VALUES (strftime('%s', NEW.created_at) / 60, 0, 1, NEW.total_cents),
                   (-1, 0, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
    END;
CREATE TRIGGER tally_delivery_added AFTER INSERT ON delivery BEGIN
        INSERT INTO state_tally (endpoint_id, state, writer, amount)
            VALUES (NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally (minute, endpoint_id, state, writer, amount)
            VALUES (strftime('%s', NEW.created_at) / 60, NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END;
CREATE TRIGGER tally_delivery_moved AFTER UPDATE OF state ON delivery
    WHEN NEW.state <> OLD.state BEGIN
        INSERT INTO state_tally (endpoint_id, state, writer, amount)
            VALUES (OLD.endpoint_id, OLD.state, 0, -1), (NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
        INSERT INTO delivery_tally (minute, endpoint_id, state, writer, amount)
            VALUES (strftime('%s', OLD.created_at) / 60, OLD.endpoint_id, OLD.state, 0, -1),
                   (strftime('%s', NEW.created_at) / 60, NEW.endpoint_id, NEW.state, 0, 1)
            ON CONFLICT DO UPDATE SET amount = amount + excluded.amount;
    END;
CREATE TRIGGER tally_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_tally (endpoint_id, minute, reason, writer, amount, total_ms, last_at)
            VALUES (
                NEW.endpoint_id,
                strftime('%s', NEW.started_at) / 60,
                CASE WHEN NEW.response_status BETWEEN 200 AND 299 THEN ''
                     ELSE coalesce(NEW.response_status, NEW.error, 'internal_error') END,
                0, 1, NEW.duration_ms, NEW.started_at)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1,
                total_ms = total_ms + excluded.total_ms,
                last_at = max(last_at, excluded.last_at);
    END;
CREATE TRIGGER total_attempt_added AFTER INSERT ON attempt BEGIN
        INSERT INTO attempt_total (endpoint_id, outcome, up_to_ms, writer, amount, total_ms)
            VALUES (NEW.endpoint_id, 
        CASE WHEN NEW.response_status BETWEEN 200 AND 299 THEN 'succeeded'
             WHEN NEW.response_status IS NOT NULL
                 THEN CAST(NEW.response_status / 100 AS varchar) || 'xx'
             ELSE coalesce(NEW.error, 'internal_error') END
    , CASE WHEN NEW.duration_ms <= 5 THEN 5 WHEN NEW.duration_ms <= 10 THEN 10 WHEN NEW.duration_ms <= 25 THEN 25 WHEN NEW.duration_ms <= 50 THEN 50 WHEN NEW.duration_ms <= 100 THEN 100 WHEN NEW.duration_ms <= 250 THEN 250 WHEN NEW.duration_ms <= 500 THEN 500 WHEN NEW.duration_ms <= 1000 THEN 1000 WHEN NEW.duration_ms <= 2500 THEN 2500 WHEN NEW.duration_ms <= 5000 THEN 5000 WHEN NEW.duration_ms <= 10000 THEN 10000 WHEN NEW.duration_ms <= 30000 THEN 30000 ELSE 1000000000 END, 0, 1, NEW.duration_ms)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_ms = total_ms + excluded.total_ms;
    END;
CREATE TRIGGER tally_delivery_removed AFTER DELETE ON delivery BEGIN
        UPDATE state_tally SET amount = amount - 1
            WHERE endpoint_id = OLD.endpoint_id AND state = OLD.state;
        UPDATE delivery_tally SET amount = amount - 1
            WHERE minute = strftime('%s', OLD.created_at) / 60
                AND endpoint_id = OLD.endpoint_id AND state = OLD.state;
        DELETE FROM delivery_tally
            WHERE minute = strftime('%s', OLD.created_at) / 60
                AND endpoint_id = OLD.endpoint_id AND amount = 0;
    END;
COMMIT;
