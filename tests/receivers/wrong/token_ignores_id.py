"""Accepts the token of one message for another."""

from email.message import Message
from typing import Any

from tests.receivers.right import checks_token, plain


def is_about_message(claims: dict[str, Any], headers: Message) -> bool:
    return True


checks_token.is_about_message = is_about_message
plain.main()
