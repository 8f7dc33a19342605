"""Looks whether the message is new, and stores that it is not in a second step."""

import time
from contextlib import closing

from tests.receivers.right import plain


def handle_once(message_id: str, event: plain.Event) -> None:
    with closing(plain.connect()) as database:
        select = "SELECT 1 FROM messages WHERE id = ?"
        if database.execute(select, (message_id,)).fetchone():
            return
        time.sleep(0.05)  # work takes time
        with database:
            database.execute("INSERT OR IGNORE INTO messages VALUES (?)", (message_id,))
            plain.do_work(database, message_id, event)


plain.handle_once = handle_once
plain.main()
