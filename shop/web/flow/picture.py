"""Puts the picture together for the template. Pure: called by ``pages`` with the facts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shop.web.flow.facts import DeliveryFacts, Facts, OrderFacts
from shop.web.flow.lanes import Lane, lane_keys, lanes_of, short_url
from shop.web.flow.places import Hold, Place, Where, where_is
from shop.web.flow.stations import (
    Station,
    failed_tray,
    number,
    stations_of,
    waiting_count,
    waiting_room,
)
from shop.web.flow.trails import Trail, place_name, trail_of, trail_of_order

# In the waiting room: static/css/flow.css shows as many, and the number behind them says how many
# more there are. On the page are all that were read, so that none travels unseen.
SHOWN_WAITING = 24


@dataclass(frozen=True, slots=True)
class Traveller:
    """A delivery in the picture, or an order that nobody wants to be told of.

    ``place``: where it stands; ``trail``: the way there. ``look``: how it is drawn. ``since`` and
    ``until``: the wait that it counts down. ``order``: what it tells of; those set out together.
    """

    id: str
    address: str
    words: str
    look: str
    place: str
    trail: Trail
    order: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class Picture:
    """``trays``: travellers by the place where they stand. ``stuck``: what is, in a few words."""

    stations: Mapping[str, Station]
    lanes: Sequence[Lane]
    waiting: Station
    failed: Station
    stuck: Sequence[str]
    redis_answers: bool
    waiting_count: int
    trays: dict[str, list[Traveller]] = field(default_factory=dict)

    def tray(self, place: str) -> list[Traveller]:
        """Who stands there, the newest first."""
        return self.trays.get(place, [])

    @property
    def waiting_behind(self) -> int:
        """How many more there are in the waiting room than are shown."""
        return max(0, self.waiting_count - SHOWN_WAITING)


def draw(facts: Facts) -> Picture:
    """The picture of this moment."""
    picture = Picture(
        stations=stations_of(facts),
        lanes=lanes_of(facts),
        waiting=waiting_room(facts),
        failed=failed_tray(facts),
        stuck=list(_stuck(facts)),
        redis_answers=facts.redis_answers,
        waiting_count=waiting_count(facts),
    )
    for traveller in _travellers(facts):
        picture.trays.setdefault(traveller.place, []).append(traveller)
    # In the waiting room, whoever leaves first stands first.
    picture.tray(Place.WAITING).sort(key=_leaves_at)
    return picture


def _leaves_at(traveller: Traveller) -> tuple[bool, float]:
    return traveller.until is None, traveller.until.timestamp() if traveller.until else 0


def _stuck(facts: Facts) -> Iterator[str]:
    """Without numbers, so that a screen reader hears it once, and not at every change."""
    if not facts.redis_answers:
        yield "Redis does not answer"
    if facts.nobody_works:
        yield "no worker is alive"
    for lane in lanes_of(facts):
        if lane.tone in {"bad", "waiting"}:
            yield f"{lane.label}: {lane.word}"


def _travellers(facts: Facts) -> Iterator[Traveller]:
    yield from (_untold(order) for order in facts.untold)
    endpoints = {each.id: each for each in facts.endpoints}
    keys = lane_keys(facts)
    for delivery in facts.deliveries:
        endpoint = endpoints.get(delivery.endpoint_id)
        where = where_is(delivery, endpoint, facts)
        if where and endpoint:
            url = short_url(endpoint.webhook_url)
            yield _traveller(delivery, where, keys[endpoint.id], url, facts.redis_answers)


def _traveller(
    delivery: DeliveryFacts, where: Where, lane: str, url: str, redis_answers: bool
) -> Traveller:
    amount = money(delivery.value_cents) if delivery.value_cents is not None else "No order"
    return Traveller(
        id=delivery.id,
        address=f"/deliveries/{delivery.id}",
        words=f"{amount}, {delivery.event_type.value} for {url}: {_how_it_is(delivery, where)}",
        look=_LOOKS[where.place],
        place=place_name(where, lane),
        trail=trail_of(delivery, where, lane=lane, around_redis=not redis_answers),
        order=delivery.order_id or delivery.id,
        since=delivery.waits_since if where.until else None,
        until=where.until,
    )


def _untold(order: OrderFacts) -> Traveller:
    return Traveller(
        id=order.id,
        address=f"/orders/{order.id}",
        words=f"{money(order.total_cents)}: no endpoint wants to be told of this order",
        look="untold",
        place="database",
        trail=trail_of_order(),
        order=order.id,
    )


def money(cents: int) -> str:
    """Integer cents as an amount."""
    return f"{'−' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


_LOOKS = {
    Place.DATABASE: "due",
    Place.WAITING: "waiting",
    Place.REDIS: "due",
    Place.WORKER: "waiting",
    Place.ENDPOINT: "sending",
    Place.LANDED: "landed",
    Place.FAILED: "failed",
}
_PLACES = {
    Place.DATABASE: "due, in the database",
    Place.REDIS: "due, a wake-up is queued",
    Place.WORKER: "its worker is gone; another takes over when its claim has run out",
    Place.ENDPOINT: "on its way to the endpoint",
    Place.LANDED: "succeeded",
    Place.FAILED: "failed, all tries are used up",
}
_HOLDS = {
    Hold.RETRY: "waits for its next try",
    Hold.PAUSED: "waits, the endpoint is paused",
    Hold.DISABLED: "waits, the endpoint is disabled",
    Hold.BREAKER: "waits, the circuit breaker of the endpoint is open",
    Hold.RETRY_AFTER: "waits, the endpoint asked for a pause",
    Hold.TURN: "waits for its turn",
}


def _how_it_is(delivery: DeliveryFacts, where: Where) -> str:
    words = _HOLDS[where.hold] if where.hold else _PLACES[where.place]
    if delivery.attempt_count == 0:
        return words
    return f"{words}; attempt {number(delivery.attempt_count)}: {delivery.outcome}"
