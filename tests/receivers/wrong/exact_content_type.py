"""Rejects a content type that names its charset."""

from email.message import Message

from tests.receivers.right import plain


def is_json(headers: Message) -> bool:
    return headers.get("Content-Type") == "application/json"


plain.is_json = is_json
plain.main()
