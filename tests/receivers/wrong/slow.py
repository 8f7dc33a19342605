"""Does two seconds of work before it responds."""

import time

from tests.receivers.right import plain

handle_once = plain.handle_once


def handle_slowly(message_id: str, event: plain.Event) -> None:
    handle_once(message_id, event)
    time.sleep(2)


plain.handle_once = handle_slowly
plain.main()
