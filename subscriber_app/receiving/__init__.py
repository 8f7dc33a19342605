"""Receiving a webhook: verify the request, decide, and book the purchase."""
