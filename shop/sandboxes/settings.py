"""The settings that a sandbox may have of its own. Without one, that of the process counts."""

from typing import Any, TypedDict

from shop.webhooks.rules.retries import MAX_JITTER, RetrySchedule

MAX_REQUEST_TIMEOUT_SECONDS = 60.0
MAX_FAILURES = 1_000_000  # of breaker and endpoints; 0 switches the rule off


class SandboxSettings(TypedDict, total=False):
    """Settings to store. One that is left out stays as it is; None: that of the process.

    ``retry_schedule``: as in ``SHOP_RETRY_SCHEDULE``. ``jitter``: from 0 to 0.5.
    ``breaker_failures``: failed attempts in a row that open a circuit breaker; 0: never.
    ``disable_after_failures``: failed deliveries in a row that disable an endpoint; 0: never.
    """

    retry_schedule: str | None
    jitter: float | None
    request_timeout_seconds: float | None
    breaker_failures: int | None
    disable_after_failures: int | None


class InvalidSetting(Exception):  # noqa: N818 – the name says what is wrong
    """A setting has an impossible value. The message is for the client. ``name``: its field."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


def check(settings: SandboxSettings) -> None:
    """Raise ``InvalidSetting`` if one of them has an impossible value."""
    if (schedule := settings.get("retry_schedule")) is not None:
        try:
            RetrySchedule.parse(schedule)
        except ValueError as error:
            raise InvalidSetting("retry_schedule", str(error)) from None
    _check_range("jitter", settings.get("jitter"), 0, MAX_JITTER)
    seconds = settings.get("request_timeout_seconds")
    _check_range("request_timeout_seconds", seconds, 0, MAX_REQUEST_TIMEOUT_SECONDS)
    if seconds == 0:
        raise InvalidSetting("request_timeout_seconds", "must be more than 0")
    _check_range("breaker_failures", settings.get("breaker_failures"), 0, MAX_FAILURES)
    _check_range("disable_after_failures", settings.get("disable_after_failures"), 0, MAX_FAILURES)


def _check_range(name: str, value: Any, lowest: float, highest: float) -> None:
    if value is not None and not lowest <= value <= highest:  # also false for NaN
        raise InvalidSetting(name, f"must be from {lowest:g} to {highest:g}")
