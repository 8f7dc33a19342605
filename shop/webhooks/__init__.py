"""Everything about sending webhooks: rules first, then endpoints, outbox, HTTP client, delivery."""
