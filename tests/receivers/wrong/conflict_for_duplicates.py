"""Responds with 409 to a message that it has handled before."""

from contextlib import closing

from tests.receivers.right import plain


def handle_once(message_id: str, event: plain.Event) -> None:
    with closing(plain.connect()) as database, database:
        insert = "INSERT OR IGNORE INTO messages VALUES (?)"
        if not database.execute(insert, (message_id,)).rowcount:
            raise plain.Rejected(409)
        plain.do_work(database, message_id, event)


plain.handle_once = handle_once
plain.main()
