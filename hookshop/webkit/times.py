"""The current time, and times in the format of RFC 3339, in UTC."""

from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Return the time in whole seconds, such as ``2024-06-30T12:34:56Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_ms(moment: datetime) -> str:
    """Return the time in milliseconds, such as ``2024-06-30T12:34:56.789Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def round_up_to_second(moment: datetime) -> datetime:
    """Return ``moment`` rounded up to a whole second, in UTC."""
    return (moment.astimezone(UTC) + timedelta(microseconds=999_999)).replace(microsecond=0)
