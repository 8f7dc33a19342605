"""Rejects bodies of more than 16 KB, although an order can have more."""

from tests.receivers.right import plain

plain.MAX_BODY_BYTES = 16_384
plain.main()
