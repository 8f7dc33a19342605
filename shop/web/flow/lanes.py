"""The endpoints at the end of the line, each on its lane. Pure: called by ``picture``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from shop.vocabulary import EndpointStatus
from shop.web.flow.facts import EndpointFacts, Facts
from shop.web.flow.places import Hold, hold_ends_at, hold_of
from shop.web.flow.stations import number

MOST_LANES = 6
LAST_LANE = "lane-more"


@dataclass(frozen=True, slots=True)
class Lane:
    """``shape``, ``tone`` and ``word``: its state. ``until``: when what waits there moves on.

    ``reason``: what is the matter, empty while all is well.
    """

    key: str
    label: str
    address: str
    succeeded: str
    waiting: str
    failed: str
    shape: str = "check"
    tone: str = "good"
    word: str = "active"
    reason: str = ""
    until: datetime | None = None


def lanes_of(facts: Facts) -> list[Lane]:
    """One lane for each endpoint; those that are too many share the last one."""
    alone, others = _parted(facts.endpoints)
    lanes = [_lane(each, f"lane-{place}", facts.now) for place, each in enumerate(alone, 1)]
    return [*lanes, _lane_of_many(others)] if others else lanes


def lane_keys(facts: Facts) -> Mapping[str, str]:
    """Which lane belongs to which endpoint, by id."""
    alone, others = _parted(facts.endpoints)
    own = {each.id: f"lane-{place}" for place, each in enumerate(alone, 1)}
    return own | dict.fromkeys((each.id for each in others), LAST_LANE)


def short_url(url: str) -> str:
    """An endpoint's URL as a label: host, port and path."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def _parted(
    endpoints: Sequence[EndpointFacts],
) -> tuple[Sequence[EndpointFacts], Sequence[EndpointFacts]]:
    # A single one too many has a lane as well: "and 1 more" takes as much room.
    alone = len(endpoints) if len(endpoints) <= MOST_LANES + 1 else MOST_LANES
    return endpoints[:alone], endpoints[alone:]


def _lane(endpoint: EndpointFacts, key: str, now: datetime) -> Lane:
    shape, tone, word, reason = _state(endpoint, now)
    hold = hold_of(endpoint, now)
    until = None
    if endpoint.pending and hold in {None, Hold.TURN}:
        until = endpoint.next_attempt_at if not endpoint.due else None
    else:
        until = hold_ends_at(endpoint, hold)
    return Lane(
        key=key,
        label=short_url(endpoint.webhook_url),
        address=f"/endpoints/{endpoint.id}",
        succeeded=number(endpoint.succeeded),
        waiting=number(endpoint.pending),
        failed=number(endpoint.failed),
        shape=shape,
        tone=tone,
        word=word,
        reason=reason,
        until=until,
    )


def _state(endpoint: EndpointFacts, now: datetime) -> tuple[str, str, str, str]:
    """Shape, tone, word and reason."""
    if endpoint.status is EndpointStatus.PAUSED:
        return "pause", "waiting", "paused", "by a person; what comes for it waits"
    if endpoint.status is EndpointStatus.DISABLED:
        why = "answered 410 Gone" if endpoint.disabled_reason == "gone" else "failed too often"
        return "cross", "bad", "disabled", f"it {why}; what is left waits"
    if endpoint.probe_at:
        when = "next probe" if endpoint.probe_at > now else "a probe is out"
        return "gap", "bad", "breaker open", f"it failed again and again; {when}"
    if endpoint.hold_until and endpoint.hold_until > now:
        return "pause", "waiting", "Retry-After", "it asked for a pause"
    if endpoint.pending > endpoint.due:
        return "back", "waiting", "refuses", "next try"
    return "check", "good", "active", ""


def _lane_of_many(endpoints: Sequence[EndpointFacts]) -> Lane:
    return Lane(
        key=LAST_LANE,
        label=f"and {len(endpoints)} more",
        address="/endpoints",
        succeeded=number(sum(each.succeeded for each in endpoints)),
        waiting=number(sum(each.pending for each in endpoints)),
        failed=number(sum(each.failed for each in endpoints)),
        shape="twice",
        tone="muted",
        word="endpoints",
    )
