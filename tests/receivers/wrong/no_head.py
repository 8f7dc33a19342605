"""Leaves HEAD to http.server, which responds with 501."""

from tests.receivers.right import plain

del plain.Handler.do_HEAD
plain.main()
