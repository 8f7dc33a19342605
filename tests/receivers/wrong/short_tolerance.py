"""Allows for a minute between two clocks, where five are usual."""

from tests.receivers.right import plain

plain.MAX_AGE_SECONDS = 60
plain.main()
