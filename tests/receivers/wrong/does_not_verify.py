"""Believes everyone: it never looks at the signature."""

from email.message import Message

from tests.receivers.right import plain


def is_genuine(headers: Message, body: bytes) -> bool:
    return True


plain.is_genuine = is_genuine
plain.main()
