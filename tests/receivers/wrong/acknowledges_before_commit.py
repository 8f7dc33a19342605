"""Responds first and stores a moment later, so that a crash loses the message."""

from threading import Timer

from tests.receivers.right import plain

handle_once = plain.handle_once


def handle_later(message_id: str, event: plain.Event) -> None:
    Timer(0.2, handle_once, (message_id, event)).start()


plain.handle_once = handle_later
plain.main()
