"""Skipping time on pages: the buttons beside countdowns, and the notice while it is under way."""
