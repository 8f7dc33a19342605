-- A database of the shop as the last version without sandboxes left it (r0010, commit 02b2c41), for
-- tests/integration/shop/test_migrations.py. It has rows in every table of a sandbox: an endpoint with
-- two live secrets, two orders with idempotency keys, one of them shipped and refunded, deliveries that
-- succeeded, failed and wait, a test event, and steady orders that are on.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('r0010');
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
INSERT INTO "attempt" VALUES('dlv_01a22e75460c795c9867c52a81176673',1,'ep_01a22e7545e3772695b7b92345f549b6','automatic','2026-11-30 21:56:07.308417','2026-11-30 21:56:07.308417','null',NULL,'2026-11-30 21:56:08.313502',2,'{"connecting_ms": 1.3, "waiting_ms": 0.8, "reading_ms": 0.1, "reused_connection": false}','http://127.0.0.1:39005/hook','{"host": "127.0.0.1:39005", "accept": "*/*", "accept-encoding": "identity", "connection": "keep-alive", "user-agent": "Hookshop/0.1.0", "content-type": "application/json", "webhook-id": "msg_01a22e75460c729bb74c0e9e9348756c", "webhook-timestamp": "1796075768", "webhook-signature": "v1,YDkGBXCmYbFgK8Vey2nUVKAtCGKbsoiYB31yOG5VUno=", "authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IndlYmhvb2srand0Iiwia2lkIjoic2VjXzAxYTIyZTc1NDVlMzdhYzg5YmY3OWNjN2IxYzBkZTBiIn0.eyJpc3MiOiJodHRwOi8vc2hvcC5leGFtcGxlIiwiYXVkIjoiaHR0cDovLzEyNy4wLjAuMTozOTAwNS9ob29rIiwianRpIjoibXNnXzAxYTIyZTc1NDYwYzcyOWJiNzRjMGU5ZTkzNDg3NTZjIiwiaWF0IjoxNzk2MDc1NzY4LCJleHAiOjE3OTYwNzYwNjgsInBheWxvYWRfaGFzaCI6IjY2MGY4ZDkxNzc2ZTc0NzA0NGQwOGI0OGY0NTIzOWU0MDI3YTkwYmM3NDkwZGY1ZmZhNGFkMDE5ZmUzMjFiYjkifQ._TwV1X4xPlxAYfEv7Pj5oFdvDPG1e3Rn6GtTxAe_9O8", "content-length": "174"}',200,'{"server": "BaseHTTP/0.6 Python/3.11.7", "date": "Mon, 30 Nov 2026 21:56:07 GMT", "content-length": "2"}',X'6F6B',0,NULL,NULL);
INSERT INTO "attempt" VALUES('dlv_01a22e7545fc763189da26caa71967ea',1,'ep_01a22e7545e3772695b7b92345f549b6','automatic','2026-11-30 21:56:07.292388','2026-11-30 21:56:07.292388','null',NULL,'2026-11-30 21:56:08.313502',3,'{"connecting_ms": 1.8, "waiting_ms": 1.1, "reading_ms": 0.0, "reused_connection": false}','http://127.0.0.1:39005/hook','{"host": "127.0.0.1:39005", "accept": "*/*", "accept-encoding": "identity", "connection": "keep-alive", "user-agent": "Hookshop/0.1.0", "content-type": "application/json", "webhook-id": "msg_01a22e7545fc7c7c8923a3f858eebb12", "webhook-timestamp": "1796075768", "webhook-signature": "v1,/mA2jdNG2UYtmvX6ofsUAJTq34h4mrZaupcOS8Vwm90=", "authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IndlYmhvb2srand0Iiwia2lkIjoic2VjXzAxYTIyZTc1NDVlMzdhYzg5YmY3OWNjN2IxYzBkZTBiIn0.eyJpc3MiOiJodHRwOi8vc2hvcC5leGFtcGxlIiwiYXVkIjoiaHR0cDovLzEyNy4wLjAuMTozOTAwNS9ob29rIiwianRpIjoibXNnXzAxYTIyZTc1NDVmYzdjN2M4OTIzYTNmODU4ZWViYjEyIiwiaWF0IjoxNzk2MDc1NzY4LCJleHAiOjE3OTYwNzYwNjgsInBheWxvYWRfaGFzaCI6IjM0NTZmMjQ0Nzc5NzZhNDljMzRhOGIyMWRjNjdlN2NmYzgzNTZhZDg5NmIxYzZkM2E4MGQ0ZmU3YmQ1YWZmMjEifQ.dqA7uC10LnMRTHVpomtyw8R1CJGwljcsS559SJuPHmU", "content-length": "174"}',200,'{"server": "BaseHTTP/0.6 Python/3.11.7", "date": "Mon, 30 Nov 2026 21:56:07 GMT", "content-length": "2"}',X'6F6B',0,NULL,NULL);
INSERT INTO "attempt" VALUES('dlv_01a22e7546b378a199e756324bb5e090',1,'ep_01a22e7545e3772695b7b92345f549b6','automatic','2026-11-30 21:56:07.475824','2026-11-30 21:56:07.475824','null',NULL,'2026-11-30 21:56:12.313502',3,'{"connecting_ms": 1.4, "waiting_ms": 0.9, "reading_ms": 0.0, "reused_connection": false}','http://127.0.0.1:39005/hook','{"host": "127.0.0.1:39005", "accept": "*/*", "accept-encoding": "identity", "connection": "keep-alive", "user-agent": "Hookshop/0.1.0", "content-type": "application/json", "webhook-id": "msg_01a22e7546b37a7eb5f4ca27aac9ce87", "webhook-timestamp": "1796075772", "webhook-signature": "v1,TNEa820v3y9ZizI4cKVJkoWn3PX9jZoXIUy1eYUmnNo=", "authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IndlYmhvb2srand0Iiwia2lkIjoic2VjXzAxYTIyZTc1NDVlMzdhYzg5YmY3OWNjN2IxYzBkZTBiIn0.eyJpc3MiOiJodHRwOi8vc2hvcC5leGFtcGxlIiwiYXVkIjoiaHR0cDovLzEyNy4wLjAuMTozOTAwNS9ob29rIiwianRpIjoibXNnXzAxYTIyZTc1NDZiMzdhN2ViNWY0Y2EyN2FhYzljZTg3IiwiaWF0IjoxNzk2MDc1NzcyLCJleHAiOjE3OTYwNzYwNzIsInBheWxvYWRfaGFzaCI6IjEwNzhhMWMzOTc0NTIyMWYwNzEyYzFmZmU5NWI5YmNjZmUxZGQ5N2Q0M2IzYzBlYWJmNjUyMmJjNWQyYzM1MjgifQ.dJmYngbtYmFv40zNpBbjfqTmW_r1K00lYJiaPHWWd6s", "content-length": "174"}',500,'{"server": "BaseHTTP/0.6 Python/3.11.7", "date": "Mon, 30 Nov 2026 21:56:07 GMT", "content-length": "2"}',X'6F6B',0,NULL,NULL);
INSERT INTO "attempt" VALUES('dlv_01a22e7546c27396ad4614e452c4e472',1,'ep_01a22e7545e3772695b7b92345f549b6','automatic','2026-11-30 21:56:07.490082','2026-11-30 21:56:07.490082','null',NULL,'2026-11-30 21:56:12.313502',2,'{"connecting_ms": 0.8, "waiting_ms": 0.9, "reading_ms": 0.0, "reused_connection": false}','http://127.0.0.1:39005/hook','{"host": "127.0.0.1:39005", "accept": "*/*", "accept-encoding": "identity", "connection": "keep-alive", "user-agent": "Hookshop/0.1.0", "content-type": "application/json", "webhook-id": "msg_01a22e7546c270588db81fb480522c66", "webhook-timestamp": "1796075772", "webhook-signature": "v1,HV2Ttu6k5oaCY24ID/CwArBQ5LF8Ty6UAc/w7nZexrQ=", "authorization": "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IndlYmhvb2srand0Iiwia2lkIjoic2VjXzAxYTIyZTc1NDVlMzdhYzg5YmY3OWNjN2IxYzBkZTBiIn0.eyJpc3MiOiJodHRwOi8vc2hvcC5leGFtcGxlIiwiYXVkIjoiaHR0cDovLzEyNy4wLjAuMTozOTAwNS9ob29rIiwianRpIjoibXNnXzAxYTIyZTc1NDZjMjcwNTg4ZGI4MWZiNDgwNTIyYzY2IiwiaWF0IjoxNzk2MDc1NzcyLCJleHAiOjE3OTYwNzYwNzIsInBheWxvYWRfaGFzaCI6IjM3N2ZhZjc1ZTkyYTM5YzcxYjE0Y2RmMWFiYjkxNWFlNmUwMmFlZjgxZWMyY2FhMDQ1MzRkODc1ZGYzMTk3MzYifQ.ylCXChKTfHSNRDNB349iKlOjpRZdPU1SGtJz02LrKoA", "content-length": "176"}',500,'{"server": "BaseHTTP/0.6 Python/3.11.7", "date": "Mon, 30 Nov 2026 21:56:07 GMT", "content-length": "2"}',X'6F6B',0,NULL,NULL);
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
INSERT INTO "attempt_tally" VALUES('ep_01a22e7545e3772695b7b92345f549b6',29934596,'',0,2,5,'2026-11-30 21:56:08.313502');
INSERT INTO "attempt_tally" VALUES('ep_01a22e7545e3772695b7b92345f549b6',29934596,'500',0,2,5,'2026-11-30 21:56:12.313502');
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
INSERT INTO "attempt_total" VALUES('ep_01a22e7545e3772695b7b92345f549b6','5xx',5,0,2,5);
INSERT INTO "attempt_total" VALUES('ep_01a22e7545e3772695b7b92345f549b6','succeeded',5,0,2,5);
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
	completed_at DATETIME, passes_breaker BOOLEAN DEFAULT 0 NOT NULL, reconnect_count INTEGER DEFAULT '0' NOT NULL, counted_as_failed BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(endpoint_id) REFERENCES endpoint (id), 
	FOREIGN KEY(message_id) REFERENCES message (id)
);
INSERT INTO "delivery" VALUES('dlv_01a22e7545fc763189da26caa71967ea','msg_01a22e7545fc7c7c8923a3f858eebb12','ep_01a22e7545e3772695b7b92345f549b6','purchase.created','succeeded',1,NULL,'2026-11-30 21:56:07.292388','automatic','null',1,NULL,200,NULL,'2026-11-30 21:56:07.292388','2026-11-30 21:56:08.313502',0,0,0);
INSERT INTO "delivery" VALUES('dlv_01a22e75460c795c9867c52a81176673','msg_01a22e75460c729bb74c0e9e9348756c','ep_01a22e7545e3772695b7b92345f549b6','purchase.created','succeeded',1,NULL,'2026-11-30 21:56:07.308417','automatic','null',1,NULL,200,NULL,'2026-11-30 21:56:07.308417','2026-11-30 21:56:08.313502',0,0,0);
INSERT INTO "delivery" VALUES('dlv_01a22e7546b378a199e756324bb5e090','msg_01a22e7546b37a7eb5f4ca27aac9ce87','ep_01a22e7545e3772695b7b92345f549b6','purchase.shipped','pending',1,'2026-11-30 21:56:22.313502','2026-11-30 21:56:12.313502','automatic','{"schedule": 10, "jitter": 0.0, "retry_after": 0}',1,NULL,500,NULL,'2026-11-30 21:56:07.475824',NULL,0,0,0);
INSERT INTO "delivery" VALUES('dlv_01a22e7546c27396ad4614e452c4e472','msg_01a22e7546c270588db81fb480522c66','ep_01a22e7545e3772695b7b92345f549b6','purchase.refunded','pending',1,'2026-11-30 21:56:22.313502','2026-11-30 21:56:12.313502','automatic','{"schedule": 10, "jitter": 0.0, "retry_after": 0}',1,NULL,500,NULL,'2026-11-30 21:56:07.490082',NULL,0,0,0);
INSERT INTO "delivery" VALUES('dlv_01a22e7546d4781fb6db068240ea2471','msg_01a22e7546d478d684c0e23e650870c5','ep_01a22e7545e3772695b7b92345f549b6','webhook.ping','pending',0,'2026-11-30 21:56:07.508199','2026-11-30 21:56:07.508199','manual','null',0,NULL,NULL,NULL,'2026-11-30 21:56:07.508199',NULL,1,0,0);
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
INSERT INTO "delivery_tally" VALUES(29934596,'ep_01a22e7545e3772695b7b92345f549b6','pending',0,3);
INSERT INTO "delivery_tally" VALUES(29934596,'ep_01a22e7545e3772695b7b92345f549b6','sending',0,0);
INSERT INTO "delivery_tally" VALUES(29934596,'ep_01a22e7545e3772695b7b92345f549b6','succeeded',0,2);
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
	deleted_at DATETIME, url_key VARCHAR, hold_until DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "endpoint" VALUES('ep_01a22e7545e3772695b7b92345f549b6','http://127.0.0.1:39005/hook','the subscriber','["purchase.created", "purchase.shipped", "purchase.refunded"]','active',NULL,0,2,20,NULL,'2026-11-30 21:56:07.267756',NULL,'http://127.0.0.1:39005/hook',NULL);
CREATE TABLE endpoint_secret (
	id VARCHAR NOT NULL, 
	endpoint_id VARCHAR NOT NULL, 
	locked_secret VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	PRIMARY KEY (id), 
	FOREIGN KEY(endpoint_id) REFERENCES endpoint (id)
);
INSERT INTO "endpoint_secret" VALUES('sec_01a22e7545e37ac89bf79cc7b1c0de0b','ep_01a22e7545e3772695b7b92345f549b6','gAAAAABrDfD3WYDJ9dImQRA0Xt-SBpHFA7RFL9QLNCryzSCBKwBYWA7t6qVqJWeq3oeJU3QiBVYgXFyU1eUFwsmptai4YE5Ni_rLUVDCFkOhOPhqTSlt-mIj9Bi4SZcg8GDNtu2_G9K0GjFPooZs_WnyvRgHaxGwdQ==','2026-11-30 21:56:07.267756','2026-12-01 21:56:07.514199');
INSERT INTO "endpoint_secret" VALUES('sec_01a22e7546da784788ac943526fdd32d','ep_01a22e7545e3772695b7b92345f549b6','gAAAAABrDfD3VjkkP4ix8lZ_vFX2ta9Pa6IzUVQpYnL6W4WBduD35YfwSEKqc83gmYZM2hf6dogmb_0jKX0tX-LuuxHjbBQRkjWmHA8S104WRRdGHfqQxz8GB3_wU848aXJA7jgvJAel_wCfvr5yieW7oG9iWIaaEg==','2026-11-30 21:56:07.514199',NULL);
CREATE TABLE form_answer (
	"key" VARCHAR NOT NULL, 
	expires_at BIGINT NOT NULL, 
	answer VARCHAR NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE login_session (
	token_hash VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	PRIMARY KEY (token_hash)
);
CREATE TABLE message (
	id VARCHAR NOT NULL, 
	event_type VARCHAR(32) NOT NULL, 
	order_id VARCHAR, 
	body BLOB NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(order_id) REFERENCES shop_order (id)
);
INSERT INTO "message" VALUES('msg_01a22e7545fc7c7c8923a3f858eebb12','purchase.created','ord_01a22e7545fc785dbe9b8f4114c5b627',X'7B226576656E74223A7B226964223A2230316132326537352D343566632D376337632D383932332D613366383538656562623132222C2274797065223A2270757263686173652E63726561746564222C2276616C7565223A33392E392C226F726465725F6964223A226F72645F3031613232653735343566633738356462653962386634313134633562363237227D2C2264617465223A22323032362D31312D33305432313A35363A30375A227D','2026-11-30 21:56:07.292388');
INSERT INTO "message" VALUES('msg_01a22e75460c729bb74c0e9e9348756c','purchase.created','ord_01a22e75460c77549cdbfbde321d4691',X'7B226576656E74223A7B226964223A2230316132326537352D343630632D373239622D623734632D306539653933343837353663222C2274797065223A2270757263686173652E63726561746564222C2276616C7565223A33392E392C226F726465725F6964223A226F72645F3031613232653735343630633737353439636462666264653332316434363931227D2C2264617465223A22323032362D31312D33305432313A35363A30375A227D','2026-11-30 21:56:07.308417');
INSERT INTO "message" VALUES('msg_01a22e7546b37a7eb5f4ca27aac9ce87','purchase.shipped','ord_01a22e7545fc785dbe9b8f4114c5b627',X'7B226576656E74223A7B226964223A2230316132326537352D343662332D376137652D623566342D636132376161633963653837222C2274797065223A2270757263686173652E73686970706564222C2276616C7565223A33392E392C226F726465725F6964223A226F72645F3031613232653735343566633738356462653962386634313134633562363237227D2C2264617465223A22323032362D31312D33305432313A35363A30375A227D','2026-11-30 21:56:07.475824');
INSERT INTO "message" VALUES('msg_01a22e7546c270588db81fb480522c66','purchase.refunded','ord_01a22e7545fc785dbe9b8f4114c5b627',X'7B226576656E74223A7B226964223A2230316132326537352D343663322D373035382D386462382D316662343830353232633636222C2274797065223A2270757263686173652E726566756E646564222C2276616C7565223A2D33392E392C226F726465725F6964223A226F72645F3031613232653735343566633738356462653962386634313134633562363237227D2C2264617465223A22323032362D31312D33305432313A35363A30375A227D','2026-11-30 21:56:07.490082');
INSERT INTO "message" VALUES('msg_01a22e7546d478d684c0e23e650870c5','webhook.ping',NULL,X'7B226576656E74223A7B226964223A2230316132326537352D343664342D373864362D383463302D653233653635303837306335222C2274797065223A22776562686F6F6B2E70696E67222C2276616C7565223A302E307D2C2264617465223A22323032362D31312D33305432313A35363A30375A227D','2026-11-30 21:56:07.508199');
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
INSERT INTO "order_line" VALUES('ord_01a22e7545fc785dbe9b8f4114c5b627',1,'mug','Enamel Mug',1490,1);
INSERT INTO "order_line" VALUES('ord_01a22e7545fc785dbe9b8f4114c5b627',2,'hook','Brass Wall Hook',1250,2);
INSERT INTO "order_line" VALUES('ord_01a22e75460c77549cdbfbde321d4691',1,'mug','Enamel Mug',1490,1);
INSERT INTO "order_line" VALUES('ord_01a22e75460c77549cdbfbde321d4691',2,'hook','Brass Wall Hook',1250,2);
CREATE TABLE order_tally (
	minute INTEGER NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	total_cents BIGINT NOT NULL, 
	PRIMARY KEY (minute, writer)
)
 WITHOUT ROWID

;
INSERT INTO "order_tally" VALUES(-1,0,2,7980);
INSERT INTO "order_tally" VALUES(29934596,0,2,7980);
CREATE TABLE refund_tally (
	minute INTEGER NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	total_cents BIGINT NOT NULL, 
	PRIMARY KEY (minute, writer)
)
 WITHOUT ROWID

;
INSERT INTO "refund_tally" VALUES(-1,0,1,3990);
INSERT INTO "refund_tally" VALUES(29934596,0,1,3990);
CREATE TABLE shop_order (
	id VARCHAR NOT NULL, 
	customer_name VARCHAR NOT NULL, 
	total_cents INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	shipped_at DATETIME, 
	refunded_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "shop_order" VALUES('ord_01a22e7545fc785dbe9b8f4114c5b627','Ada',3990,'2026-11-30 21:56:07.292388','2026-11-30 21:56:07.475824','2026-11-30 21:56:07.490082');
INSERT INTO "shop_order" VALUES('ord_01a22e75460c77549cdbfbde321d4691','Grace',3990,'2026-11-30 21:56:07.308417',NULL,NULL);
CREATE TABLE state_tally (
	endpoint_id VARCHAR NOT NULL, 
	state VARCHAR(32) NOT NULL, 
	writer INTEGER NOT NULL, 
	amount BIGINT NOT NULL, 
	PRIMARY KEY (endpoint_id, state, writer)
)
 WITHOUT ROWID

;
INSERT INTO "state_tally" VALUES('ep_01a22e7545e3772695b7b92345f549b6','pending',0,3);
INSERT INTO "state_tally" VALUES('ep_01a22e7545e3772695b7b92345f549b6','sending',0,0);
INSERT INTO "state_tally" VALUES('ep_01a22e7545e3772695b7b92345f549b6','succeeded',0,2);
CREATE TABLE steady_orders (
	id INTEGER NOT NULL, 
	next_at DATETIME NOT NULL, 
	ends_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "steady_orders" VALUES(1,'2026-11-30 21:56:07.521139','2026-11-30 22:06:07.521139');
CREATE TABLE used_idempotency_key (
	"key" VARCHAR NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	order_id VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY ("key"), 
	FOREIGN KEY(order_id) REFERENCES shop_order (id)
);
INSERT INTO "used_idempotency_key" VALUES('order-of-Ada','28b4dbbde9a41895efb4fb157c0a5e182ea4120717904ea4a2d93bacdde84173','ord_01a22e7545fc785dbe9b8f4114c5b627','2026-11-30 21:56:07.292388');
INSERT INTO "used_idempotency_key" VALUES('order-of-Grace','97cc989e836baeab9dbbb01ae6271c1f9aabd91f2b2862d27c82759710e877f4','ord_01a22e75460c77549cdbfbde321d4691','2026-11-30 21:56:07.308417');
CREATE INDEX ix_shop_order_created_at ON shop_order (created_at);
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
CREATE INDEX deliveries_that_pass_breakers ON delivery (state, next_attempt_at) WHERE passes_breaker = 1;
CREATE INDEX refunds_by_time ON shop_order (refunded_at) WHERE refunded_at IS NOT NULL;
CREATE TRIGGER tally_refund_added AFTER INSERT ON shop_order
    WHEN NEW.refunded_at IS NOT NULL BEGIN 
        INSERT INTO refund_tally (minute, writer, amount, total_cents)
            VALUES (strftime('%s', NEW.refunded_at) / 60, 0, 1, NEW.total_cents),
                   (-1, 0, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
 END;
CREATE TRIGGER tally_refund_given AFTER UPDATE OF refunded_at ON shop_order
    WHEN OLD.refunded_at IS NULL AND NEW.refunded_at IS NOT NULL BEGIN 
        INSERT INTO refund_tally (minute, writer, amount, total_cents)
            VALUES (strftime('%s', NEW.refunded_at) / 60, 0, 1, NEW.total_cents),
                   (-1, 0, 1, NEW.total_cents)
            ON CONFLICT DO UPDATE SET
                amount = amount + 1, total_cents = total_cents + excluded.total_cents;
 END;
CREATE UNIQUE INDEX one_live_endpoint_per_url ON endpoint (url_key) WHERE deleted_at IS NULL;
COMMIT;
