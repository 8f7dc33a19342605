"""The reasons why pending deliveries of an endpoint are not sent."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from shop.vocabulary import EndpointStatus


class Hold(StrEnum):
    """The reason why a delivery waits. Reasons of the endpoint are keys of ``state_labels``."""

    RETRY = "retry"  # its next attempt is not due yet
    PAUSED = "paused"
    DISABLED = "disabled"
    BREAKER = "breaker"  # the circuit breaker is open
    RETRY_AFTER = "retry-after"  # the endpoint asked for a pause
    CONCURRENCY = "concurrency"  # the endpoint has no free slot


# With these, even deliveries whose next attempt is not due yet count as on hold.
OF_ENDPOINT = (Hold.PAUSED, Hold.DISABLED, Hold.BREAKER, Hold.RETRY_AFTER)


def hold_of_endpoint(
    status: EndpointStatus,
    probe_at: datetime | None,
    hold_until: datetime | None,
    now: datetime,
) -> Hold | None:
    """Return why an endpoint's deliveries are on hold, or None."""
    if status is EndpointStatus.PAUSED:
        return Hold.PAUSED
    if status is EndpointStatus.DISABLED:
        return Hold.DISABLED
    if probe_at and probe_at > now:
        return Hold.BREAKER
    return Hold.RETRY_AFTER if hold_until and hold_until > now else None


def waiting_by_hold(
    hold: Hold | None, *, pending: int, due: int, full: Hold | None
) -> Mapping[Hold, int]:
    """Return the number of an endpoint's waiting deliveries by reason.

    ``hold``: of the endpoint. ``due``: of the ``pending`` ones, those whose next attempt is due.
    ``full``: the result of ``hold_of_full``. Those that are left out are sent next.
    """
    if hold:
        return {hold: pending}
    waiting = {Hold.RETRY: max(pending - due, 0)}
    return waiting | {full: due} if full else waiting


def hold_of_full(probe_at: datetime | None, *, has_free_slot: bool) -> Hold | None:
    """Return why an endpoint without a hold takes no more deliveries now, or None if it does."""
    if has_free_slot:
        return None
    return Hold.BREAKER if probe_at else Hold.CONCURRENCY  # a probe is in flight
