"""Tools for tests of webhooks. They need only Python's standard library and pytest.

``verification``: whether a webhook is genuine, step by step. ``fault_script``: what can go wrong on
purpose. ``webhook_server``: an HTTP server that records, verifies and answers webhooks.
"""
