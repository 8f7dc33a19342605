"""The subscriber: receives webhooks, verifies and books them, and shows every step."""
