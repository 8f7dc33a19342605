"""How moments are written for machines: RFC 3339, UTC, ``Z``."""

from datetime import UTC, datetime


def rfc3339_ms(moment: datetime) -> str:
    """Milliseconds, as in ``2024-06-30T12:34:56.789Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
