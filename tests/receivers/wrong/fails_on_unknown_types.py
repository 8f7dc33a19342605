"""Responds with 500 to an event type that it does not know."""

from tests.receivers.right import plain


def is_ours(event: plain.Event) -> bool:
    if event.type not in plain.STATES:
        raise plain.Rejected(500)
    return True


plain.is_ours = is_ours
plain.main()
