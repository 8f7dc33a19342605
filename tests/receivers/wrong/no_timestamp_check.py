"""Accepts a recorded request forever."""

from tests.receivers.right import plain


def is_recent(timestamp: str) -> bool:
    return True


plain.is_recent = is_recent
plain.main()
