"""Remembers in memory what it has done, and only after it has done it."""

import time
from contextlib import closing

from tests.receivers.right import plain

DONE: set[str] = set()
# Such as two mails would take. A crash within 20 ms hits only the first: the exam must also kill
# later, between the work and the response.
MAIL_SECONDS = 0.05


def handle_once(message_id: str, event: plain.Event) -> None:
    if message_id in DONE:
        return
    time.sleep(MAIL_SECONDS)
    with closing(plain.connect()) as database, database:
        plain.do_work(database, message_id, event)
    time.sleep(MAIL_SECONDS)
    DONE.add(message_id)


plain.handle_once = handle_once
plain.main()
