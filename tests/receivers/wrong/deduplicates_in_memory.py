"""Remembers in memory what it has done, and only after it has done it."""

from contextlib import closing

from tests.receivers.right import plain

DONE: set[str] = set()


def handle_once(message_id: str, event: plain.Event) -> None:
    if message_id in DONE:
        return
    with closing(plain.connect()) as database, database:
        plain.do_work(database, message_id, event)
    DONE.add(message_id)


plain.handle_once = handle_once
plain.main()
