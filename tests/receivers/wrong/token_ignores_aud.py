"""Accepts a token that the shop made for another receiver."""

from tests.receivers.right import checks_token, plain

checks_token.OPTIONS["verify_aud"] = False
plain.main()
