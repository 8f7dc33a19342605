"""Rejects old timestamps, and accepts those that are far ahead."""

import time

from tests.receivers.right import plain


def is_recent(timestamp: str) -> bool:
    return timestamp.isdecimal() and int(timestamp) >= time.time() - plain.MAX_AGE_SECONDS


plain.is_recent = is_recent
plain.main()
