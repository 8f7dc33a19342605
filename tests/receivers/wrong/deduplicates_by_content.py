"""Recognizes a message by what it says, not by its id."""

from contextlib import closing

from tests.receivers.right import plain


def handle_once(message_id: str, event: plain.Event) -> None:
    with closing(plain.connect()) as database, database:
        insert = "INSERT OR IGNORE INTO messages VALUES (?)"
        if database.execute(insert, (repr(event),)).rowcount:
            plain.do_work(database, message_id, event)


plain.handle_once = handle_once
plain.main()
