"""Writes the JSON columns of both applications."""

import msgspec


def to_json(value: object) -> str:
    """Return a value as JSON, for a column. ``json.dumps`` takes 5 to 15 times as long."""
    return msgspec.json.encode(value).decode()
