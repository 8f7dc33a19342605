"""Takes bodies of any size."""

from tests.receivers.right import plain

plain.MAX_BODY_BYTES = 2**40
plain.main()
