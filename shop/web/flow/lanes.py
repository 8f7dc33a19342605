"""The lanes at the end of the line, one for each endpoint. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hookshop.webkit.state_labels import StateLabel
from shop.vocabulary import EndpointStatus
from shop.web.flow.facts import EndpointFacts, Facts
from shop.web.flow.stages import hold_ends_at, hold_of
from shop.web.flow.stations import number
from shop.web.state_labels import state_label
from shop.webhooks.rules.holds import Hold

MAX_LANES = 6
LAST_LANE = "lane-more"


@dataclass(frozen=True, slots=True)
class Lane:
    """The lane of one endpoint, or the shared lane of all others.

    `url`: of the endpoint; empty for the shared lane. `cause` and `reason`: the problem,
    empty if there is none. `until`: when waiting deliveries continue.
    """

    key: str
    name: str
    url: str
    address: str
    succeeded: str
    waiting: str
    failed: str
    label: StateLabel
    cause: str = ""
    reason: str = ""
    until: datetime | None = None


def lanes_of(facts: Facts) -> list[Lane]:
    """Return one lane for each endpoint; beyond `MAX_LANES` the others share the last one."""
    alone, others = _split(facts.endpoints)
    lanes = [_lane(each, _key(index), facts.now) for index, each in enumerate(alone)]
    return [*lanes, _shared_lane(others)] if others else lanes


def lane_keys(facts: Facts) -> Mapping[str, str]:
    """Return the key of each endpoint's lane, by the endpoint's id."""
    alone, others = _split(facts.endpoints)
    own = {each.id: _key(index) for index, each in enumerate(alone)}
    return own | dict.fromkeys((each.id for each in others), LAST_LANE)


def _key(index: int) -> str:
    return f"lane-{index + 1}"


def _split(
    endpoints: Sequence[EndpointFacts],
) -> tuple[Sequence[EndpointFacts], Sequence[EndpointFacts]]:
    # One endpoint more than MAX_LANES gets its lane, because "and 1 more" needs the same space.
    alone = len(endpoints) if len(endpoints) <= MAX_LANES + 1 else MAX_LANES
    return endpoints[:alone], endpoints[alone:]


def _lane(endpoint: EndpointFacts, key: str, now: datetime) -> Lane:
    state, reason = _state(endpoint, now)
    return Lane(
        key=key,
        name=endpoint.name,
        url=endpoint.webhook_url,
        address=f"/endpoints/{endpoint.id}",
        succeeded=number(endpoint.succeeded),
        waiting=number(endpoint.pending),
        failed=number(endpoint.failed),
        label=state_label(state),
        cause=_cause(endpoint),
        reason=reason,
        until=continues_at(endpoint, now),
    )


def continues_at(endpoint: EndpointFacts, now: datetime) -> datetime | None:
    """Return when waiting deliveries of the endpoint continue; None if that is not planned."""
    hold = hold_of(endpoint, now)
    if endpoint.pending and hold in {None, Hold.CONCURRENCY}:
        return endpoint.next_attempt_at if not endpoint.due else None
    ends_at = hold_ends_at(endpoint, hold)
    return ends_at if ends_at and ends_at > now else None  # the probe is in flight


def next_planned_at(facts: Facts) -> datetime | None:
    """Return the first time at which waiting deliveries continue: what can be skipped."""
    waiting = [each for each in facts.endpoints if each.pending]
    planned = [at for each in waiting if (at := continues_at(each, facts.now))]
    return min((at for at in planned if at > facts.now), default=None)


def _cause(endpoint: EndpointFacts) -> str:
    if endpoint.status is EndpointStatus.ACTIVE and endpoint.probe_at:
        return f"{endpoint.failed_attempts} failures in a row: deliveries are"
    return ""


def _state(endpoint: EndpointFacts, now: datetime) -> tuple[str, str]:
    """Return the key of the state's label, and the reason."""
    if endpoint.status is EndpointStatus.PAUSED:
        return endpoint.status, "deliveries are on hold"
    if endpoint.status is EndpointStatus.DISABLED:
        why = "responded 410 Gone" if endpoint.disabled_reason == "gone" else "kept failing"
        return endpoint.status, f"{why}; deliveries are on hold"
    if endpoint.probe_at:
        probe = "next probe" if endpoint.probe_at > now else "a probe is in flight"
        return Hold.BREAKER, f"on hold; {probe}"
    if endpoint.hold_until and endpoint.hold_until > now:
        return Hold.RETRY_AFTER, "asked to wait; deliveries continue"
    if endpoint.pending > endpoint.due:
        return "retrying", "next attempt"
    return endpoint.status, ""


def _shared_lane(endpoints: Sequence[EndpointFacts]) -> Lane:
    return Lane(
        key=LAST_LANE,
        name=f"and {len(endpoints)} more",
        url="",
        address="/endpoints",
        succeeded=number(sum(each.succeeded for each in endpoints)),
        waiting=number(sum(each.pending for each in endpoints)),
        failed=number(sum(each.failed for each in endpoints)),
        label=state_label("endpoints"),
    )
