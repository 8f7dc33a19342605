"""The reasons why pending deliveries of an endpoint are not sent."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Backlog:
    """An endpoint's pending deliveries.

    ``due``: could be sent this moment; they only wait for a worker or a free slot. ``by_hold``: the
    reasons why the others wait, and why due ones wait for a slot.
    """

    due: int
    by_hold: Mapping[Hold, int]

    @property
    def held(self) -> int:
        """Those that wait for the endpoint, whenever their next attempts are due."""
        return sum(self.by_hold.get(hold, 0) for hold in OF_ENDPOINT)

    @property
    def later(self) -> int:
        """Those whose next attempt is not due yet."""
        return self.by_hold.get(Hold.RETRY, 0)


def backlog_of(  # noqa: PLR0913 – all facts that decide
    hold: Hold | None, full: Hold | None, *, is_probing: bool, pending: int, due: int, passing: int
) -> Backlog:
    """Return the pending deliveries of an endpoint by reason.

    ``hold``: of ``hold_of_endpoint``. ``full``: of ``hold_of_full``. ``is_probing``: the circuit
    breaker is open or half-open. ``due``: of the ``pending`` ones, those whose next attempt is due.
    ``passing``: those that a person has resent, which no breaker and no Retry-After hold back.
    """
    if hold in {Hold.PAUSED, Hold.DISABLED}:
        return Backlog(0, {hold: pending})
    if hold or is_probing:
        # Half-open: one of them is sent, as a probe.
        probe = 1 if not hold and not full and due > passing else 0
        sent = min(passing + probe, pending)
        return Backlog(sent, {hold or Hold.BREAKER: pending - sent})
    waiting = {Hold.RETRY: max(pending - due, 0)}
    return Backlog(due, waiting | {full: due} if full else waiting)


def hold_of_full(probe_at: datetime | None, *, has_free_slot: bool) -> Hold | None:
    """Return why an endpoint without a hold takes no more deliveries now, or None if it does."""
    if has_free_slot:
        return None
    return Hold.BREAKER if probe_at else Hold.CONCURRENCY  # a probe is in flight
