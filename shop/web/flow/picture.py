"""The picture of the flow at one moment, for the template. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hookshop.webkit.state_labels import StateLabel
from shop.web.flow.facts import DeliveryFacts, Facts, OrderFacts
from shop.web.flow.lanes import Lane, lane_keys, lanes_of, next_planned_at
from shop.web.flow.problems import Problem, problems_of
from shop.web.flow.rails import Rails, lay_rails
from shop.web.flow.routes import Route, route_of, route_of_order, stop_of
from shop.web.flow.stages import Position, Stage, position_of
from shop.web.flow.stations import (
    Station,
    failed_station,
    number,
    stations_of,
    waiting_count,
    waiting_station,
)
from shop.web.state_labels import state_label
from shop.webhooks.rules.holds import Hold

# Number of visible dots in a tray, by stage. The others are in the page but hidden, so that
# static/js/flow.js can follow them.
MAX_VISIBLE: Mapping[Stage, int] = {
    Stage.DATABASE: 10,
    Stage.WAITING: 24,
    Stage.REDIS: 10,
    Stage.WORKER: 10,
    Stage.ENDPOINT: 5,
    Stage.DELIVERED: 5,
    Stage.FAILED: 10,
}


@dataclass(frozen=True, slots=True)
class Dot:
    """A delivery in the picture, or an order without subscribers.

    `state`: the key of its label. `stop`: where it is. `route`: the stops on the way. `since` and
    `until`: the wait that it counts down. `order`: the dots of one order start together.
    """

    id: str
    address: str
    words: str
    state: str
    stage: Stage
    stop: str
    route: Route
    order: str
    since: datetime | None = None
    until: datetime | None = None

    @property
    def label(self) -> StateLabel:
        """The label of its state."""
        return state_label(self.state)


@dataclass(frozen=True, slots=True)
class Tray:
    """The dots at one stop, newest first. Waiting dots are sorted by when they leave."""

    dots: Sequence[Dot] = ()

    @property
    def visible(self) -> Sequence[Dot]:
        """The dots that are shown."""
        return self.dots[: self._limit]

    @property
    def hidden(self) -> Sequence[Dot]:
        """The dots that do not fit."""
        return self.dots[self._limit :]

    @property
    def _limit(self) -> int:
        return MAX_VISIBLE[self.dots[0].stage] if self.dots else 0


@dataclass(slots=True)
class Picture:
    """The whole picture. `trays`: by stop. `problems`: the most severe ones first.

    `next_planned_at`: when the first waiting deliveries continue, which can be skipped.
    """

    stations: Mapping[str, Station]
    lanes: Sequence[Lane]
    rails: Rails
    waiting: Station
    failed: Station
    problems: Sequence[Problem]
    redis_answers: bool
    waiting_count: int
    next_planned_at: datetime | None = None
    trays: Mapping[str, Tray] = field(default_factory=dict)

    def tray(self, stop: str) -> Tray:
        """Return the dots at this stop."""
        return self.trays.get(stop, Tray())

    @property
    def label(self) -> StateLabel:
        """The state label of the whole flow."""
        if not self.problems:
            return state_label("well")
        return state_label("stuck" if self.problems[0].is_severe else "delayed")

    @property
    def more_waiting(self) -> int:
        """The number of waiting deliveries that are not shown."""
        return max(0, self.waiting_count - MAX_VISIBLE[Stage.WAITING])


def draw(facts: Facts) -> Picture:
    """Return the picture of these facts."""
    stations, lanes = stations_of(facts), lanes_of(facts)
    return Picture(
        stations=stations,
        lanes=lanes,
        rails=lay_rails(list(stations), len(lanes), redis_answers=facts.redis_answers),
        waiting=waiting_station(facts),
        failed=failed_station(facts),
        problems=problems_of(facts),
        redis_answers=facts.redis_answers,
        waiting_count=waiting_count(facts),
        next_planned_at=next_planned_at(facts),
        trays=_trays(facts),
    )


def _trays(facts: Facts) -> dict[str, Tray]:
    dots: dict[str, list[Dot]] = {}
    for dot in _dots(facts):
        dots.setdefault(dot.stop, []).append(dot)
    dots.get(Stage.WAITING, []).sort(key=_leaves_at)
    return {stop: Tray(each) for stop, each in dots.items()}


def _leaves_at(dot: Dot) -> tuple[bool, float]:
    return dot.until is None, dot.until.timestamp() if dot.until else 0


def _dots(facts: Facts) -> Iterator[Dot]:
    yield from (_order_dot(order) for order in facts.orders_without_subscribers)
    endpoints = {each.id: each for each in facts.endpoints}
    keys = lane_keys(facts)
    for delivery in facts.deliveries:
        endpoint = endpoints.get(delivery.endpoint_id)
        position = position_of(delivery, endpoint, facts)
        if position and endpoint:
            bypass = not facts.redis_answers
            lane = keys[endpoint.id]
            yield _delivery_dot(delivery, position, lane, endpoint.name, bypass=bypass)


def _delivery_dot(
    delivery: DeliveryFacts, position: Position, lane: str, name: str, *, bypass: bool
) -> Dot:
    amount = money(delivery.value_cents) if delivery.value_cents is not None else "No order"
    return Dot(
        id=delivery.id,
        address=f"/deliveries/{delivery.id}",
        words=f"{amount}, {delivery.event_type.value} to {name}: {_status(delivery, position)}",
        state=_STATES[position.stage],
        stage=position.stage,
        stop=stop_of(position, lane),
        route=route_of(delivery, position, lane=lane, bypass=bypass),
        order=delivery.order_id or delivery.id,
        since=delivery.waits_since if position.until else None,
        until=position.until,
    )


def _order_dot(order: OrderFacts) -> Dot:
    return Dot(
        id=order.id,
        address=f"/orders/{order.id}",
        words=f"{money(order.total_cents)}: {state_label('no-subscribers').word}",
        state="no-subscribers",
        stage=Stage.DATABASE,
        stop=Stage.DATABASE.value,
        route=route_of_order(),
        order=order.id,
    )


def money(cents: int) -> str:
    """Return integer cents as an amount."""
    return f"{'−' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


_STATES = {
    Stage.DATABASE: "due",
    Stage.WAITING: "pending",
    Stage.REDIS: "due",
    Stage.WORKER: "pending",
    Stage.ENDPOINT: "sending",
    Stage.DELIVERED: "succeeded",
    Stage.FAILED: "failed",
}
_STAGE_WORDS = {
    Stage.DATABASE: "due, in the database",
    Stage.REDIS: "due, its wake-up is queued",
    Stage.WORKER: "its worker is gone; another one takes over when the lease expires",
    Stage.ENDPOINT: "being sent",
    Stage.DELIVERED: "succeeded",
    Stage.FAILED: "failed, out of retries",
}
_HOLD_WORDS = {
    Hold.RETRY: "waits for its next attempt",
    Hold.PAUSED: "on hold, the endpoint is paused",
    Hold.DISABLED: "on hold, the endpoint is disabled",
    Hold.BREAKER: "on hold, the circuit breaker is open",
    Hold.RETRY_AFTER: "on hold, the endpoint sent Retry-After",
    Hold.CONCURRENCY: "waits for a free slot",
}


def _status(delivery: DeliveryFacts, position: Position) -> str:
    words = _HOLD_WORDS[position.hold] if position.hold else _STAGE_WORDS[position.stage]
    if delivery.attempt_count == 0:
        return words
    return f"{words}; attempt {number(delivery.attempt_count)}: {delivery.outcome}"
