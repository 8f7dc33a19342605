"""How moments are written for machines: RFC 3339, UTC, ``Z``."""

from datetime import UTC, datetime, timedelta


def rfc3339(moment: datetime) -> str:
    """Whole seconds, as in ``2024-06-30T12:34:56Z``: what the shop's API and ours exchange."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_ms(moment: datetime) -> str:
    """Milliseconds, as in ``2024-06-30T12:34:56.789Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def round_up_to_second(moment: datetime) -> datetime:
    """Return the first whole second that is not before ``moment``, in UTC."""
    return (moment.astimezone(UTC) + timedelta(microseconds=999_999)).replace(microsecond=0)
