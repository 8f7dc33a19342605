"""Checks the token, and does not compare the body with the hash in it."""

from typing import Any

from tests.receivers.right import checks_token, plain


def is_about_body(claims: dict[str, Any], body: bytes) -> bool:
    return True


checks_token.is_about_body = is_about_body
plain.main()
