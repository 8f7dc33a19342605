"""Explain why a request was accepted or rejected, and trace one message across both sides."""
