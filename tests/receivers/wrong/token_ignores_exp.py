"""Accepts a token that has expired."""

from tests.receivers.right import checks_token, plain

checks_token.OPTIONS["verify_exp"] = False
plain.main()
