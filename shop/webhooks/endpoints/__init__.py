"""Registered endpoints and their secrets."""
