"""The settings that apply in a sandbox: its own, or else those of the process."""

from dataclasses import dataclass

from hookshop.webkit.sandboxes import Connection, current_sandbox
from shop.config import Settings
from shop.database.models import Sandbox
from shop.sandboxes.registry import ShopSandboxRecord
from shop.webhooks.rules.circuit_breaker import FAILURES_TO_OPEN
from shop.webhooks.rules.retries import JITTER, RetrySchedule


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """The settings of the delivery engine in one sandbox. The fields are those of the API."""

    retry_schedule: str
    jitter: float
    request_timeout_seconds: float
    breaker_failures: int
    disable_after_failures: int


def schedule_here(connection: Connection, settings: Settings) -> RetrySchedule:
    """Return the retry schedule of the request's sandbox. ``settings``: those of the process."""
    record = current_sandbox(connection)
    own = record.retry_schedule if isinstance(record, ShopSandboxRecord) else None
    return RetrySchedule.parse(own) if own else settings.retry_schedule


def effective_settings(sandbox: Sandbox, settings: Settings) -> EffectiveSettings:
    """Return the settings of a sandbox. ``settings``: those of the process."""
    return EffectiveSettings(
        retry_schedule=sandbox.retry_schedule or str(settings.retry_schedule),
        jitter=_first(sandbox.jitter, JITTER),
        request_timeout_seconds=_first(
            sandbox.request_timeout_seconds, settings.request_timeout_seconds
        ),
        breaker_failures=int(_first(sandbox.breaker_failures, FAILURES_TO_OPEN)),
        disable_after_failures=int(
            _first(sandbox.disable_after_failures, settings.disable_after_failures)
        ),
    )


def _first(own: float | None, default: float) -> float:
    return default if own is None else own
