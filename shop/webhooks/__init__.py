"""Everything about sending webhooks: rules, endpoints, outbox, the delivery engine, queries."""
