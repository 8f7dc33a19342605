"""Everything about sending webhooks: rules first, then endpoints, outbox, sender, delivery."""
