"""The settings of the delivery engine, with its clock and its source of randomness.

A sandbox may have settings of its own. They are read in each transaction that needs them, so a
change counts from the next look on.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlmodel import col

from hookshop.webkit.sandbox_rules import sandbox_prefix
from shop.database.bound_sandbox import MAIN_NUMBER
from shop.database.models import Sandbox
from shop.webhooks.rules.circuit_breaker import FAILURES_TO_OPEN
from shop.webhooks.rules.retries import JITTER, RetrySchedule

# From the timeout of the request to the end of the lease, to record the attempt.
LEASE_MARGIN = timedelta(seconds=3)
MAX_CACHED_SETTINGS = 1000


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The settings of the delivery engine, in one sandbox.

    ``request_timeout``: for the whole exchange. ``issuer``: the shop's public URL, named in each
    token. ``now``: returns the time in UTC. ``random``: returns a number from 0 up to 1.
    ``disable_after``: failed deliveries in a row that disable an endpoint; 0: never. ``jitter``:
    the maximum share by which a delay is made longer or shorter. ``breaker_failures``: failed
    attempts in a row that open a circuit breaker; 0: never.
    """

    schedule: RetrySchedule
    request_timeout: timedelta
    issuer: str
    now: Callable[[], datetime]
    random: Callable[[], float]
    disable_after: int = 0
    jitter: float = JITTER
    breaker_failures: int = FAILURES_TO_OPEN

    @property
    def lease(self) -> timedelta:
        """How long a claim is valid."""
        return self.request_timeout + LEASE_MARGIN


SettingsBySandbox = Mapping[int, DeliverySettings]


def read_settings(
    connection: Connection, numbers: Collection[int], of_process: DeliverySettings
) -> SettingsBySandbox:
    """Return the settings of these sandboxes by their numbers. Leave out those that were dropped.

    ``of_process``: those of ``main``, and of each sandbox that has none of its own.
    """
    found = {MAIN_NUMBER: of_process}
    # ``main`` alone, as in most looks, needs no query.
    if others := set(numbers) - {MAIN_NUMBER}:
        rows = connection.execute(_SETTINGS, {"numbers": list(others)})
        found |= {number: _with_own(of_process, *own) for number, *own in rows}
    return found


@lru_cache(maxsize=MAX_CACHED_SETTINGS)
def _with_own(  # noqa: PLR0913, PLR0917 – the columns of _SETTINGS
    of_process: DeliverySettings,
    sandbox_id: str,
    retry_schedule: str | None,
    jitter: float | None,
    request_timeout_seconds: float | None,
    breaker_failures: int | None,
    disable_after_failures: int | None,
) -> DeliverySettings:
    own: dict[str, Any] = {
        "schedule": RetrySchedule.parse(retry_schedule) if retry_schedule else None,
        "jitter": jitter,
        "request_timeout": _seconds(request_timeout_seconds),
        "breaker_failures": breaker_failures,
        "disable_after": disable_after_failures,
        "issuer": of_process.issuer + sandbox_prefix(sandbox_id),
    }
    return replace(of_process, **{name: value for name, value in own.items() if value is not None})


def _seconds(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


# Built once: building a statement takes several times as long as executing it.
_SETTINGS = select(
    col(Sandbox.number),
    col(Sandbox.id),
    *(
        col(getattr(Sandbox, name))
        for name in (
            "retry_schedule",
            "jitter",
            "request_timeout_seconds",
            "breaker_failures",
            "disable_after_failures",
        )
    ),
).where(
    col(Sandbox.number).in_(bindparam("numbers", expanding=True)),
    col(Sandbox.dropped_at).is_(None),
)
