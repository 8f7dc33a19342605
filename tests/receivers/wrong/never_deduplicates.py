"""Does the work of each request, also if the message was handled before."""

from contextlib import closing

from tests.receivers.right import plain


def handle_once(message_id: str, event: plain.Event) -> None:
    with closing(plain.connect()) as database, database:
        plain.do_work(database, message_id, event)


plain.handle_once = handle_once
plain.main()
