"""Accepts a token that is valid for a year."""

from tests.receivers.right import checks_token, plain

checks_token.MAX_LIFETIME_SECONDS = 2**40
plain.main()
