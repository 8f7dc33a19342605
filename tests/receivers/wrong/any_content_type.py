"""Parses any body as JSON, whatever its content type."""

from email.message import Message

from tests.receivers.right import plain


def is_json(headers: Message) -> bool:
    return True


plain.is_json = is_json
plain.main()
