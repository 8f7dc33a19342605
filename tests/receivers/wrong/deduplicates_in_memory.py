"""Remembers in memory what it has done, and only after it has done it."""

import time
from contextlib import closing

from tests.receivers.right import plain

DONE: set[str] = set()
# Such as a mail would take: a crash must hit the time between the work and the response.
PAUSE_SECONDS = 0.02


def handle_once(message_id: str, event: plain.Event) -> None:
    if message_id in DONE:
        return
    with closing(plain.connect()) as database, database:
        plain.do_work(database, message_id, event)
    time.sleep(PAUSE_SECONDS)
    DONE.add(message_id)


plain.handle_once = handle_once
plain.main()
