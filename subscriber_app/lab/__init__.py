"""Attacks on our own receiver, and the means to misbehave on a connection."""
