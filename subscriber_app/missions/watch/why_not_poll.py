"""Mission 1: why not poll, and what it costs."""

from collections.abc import Sequence
from statistics import median

from subscriber_app.missions.facts import Evidence, Facts, Kind, OrderSeenFact
from subscriber_app.missions.links import POLLING, SHOP
from subscriber_app.missions.mission import (
    Judgment,
    Mission,
    Part,
    Step,
    counted,
    judgment,
)

PURCHASES = 3


def judge(facts: Facts) -> Judgment:
    """Prove that the subscriber has polled, and that both ways have told of the same purchases."""
    # It may have been on before the mission began: only the purchases must be newer.
    polls = facts.polls if facts.polls and facts.polls.ends_at > facts.started_at else None
    both = [each for each in facts.orders_seen if _is_seen_both_ways(each, facts)] if polls else []
    started = []
    if polls and polls.count:
        started = [Evidence("started", Kind.VALUE, "on", polls.started_at)]
    return judgment(
        facts,
        Part("polling", "The subscriber polls the shop", started, _polling_is_missing(facts)),
        Part(
            "both",
            f"{PURCHASES} purchases are seen both ways",
            _comparison(facts, both) if len(both) >= PURCHASES else (),
            f"{len(both)} of {PURCHASES} purchases were seen by a webhook and by polling"
            + _what_next(facts, len(both)),
        ),
    )


def _what_next(facts: Facts, seen: int) -> str:
    if not _is_on(facts):
        return "; polling is off: switch it on, and buy again"
    unpolled = sum(each.created_at is None for each in facts.orders_seen)
    more = PURCHASES - seen - unpolled
    return f"; buy {more} more" if more > 0 else "; wait for the next poll"


def _is_on(facts: Facts) -> bool:
    return facts.polls is not None and facts.polls.ends_at > facts.now


def _polling_is_missing(facts: Facts) -> str:
    if _is_on(facts):
        return "polling is on, but the shop has not answered yet"
    return "polling is off; switch it on"


def _is_seen_both_ways(order: OrderSeenFact, facts: Facts) -> bool:
    is_seen = order.webhook_seconds is not None and order.polling_seconds is not None
    return is_seen and order.created_at is not None and order.created_at >= facts.started_at


def _comparison(facts: Facts, both: Sequence[OrderSeenFact]) -> list[Evidence]:
    polls = facts.polls
    if polls is None:
        raise AssertionError("there was polling, or nothing was seen by it")
    return [
        Evidence("first", Kind.ORDER, both[0].order_id),
        Evidence("last", Kind.ORDER, both[-1].order_id),
        Evidence("purchases", Kind.VALUE, counted(len(both), "thing")),
        Evidence("webhooks", Kind.VALUE, _middle([each.webhook_seconds or 0 for each in both])),
        Evidence("polling", Kind.VALUE, _middle([each.polling_seconds or 0 for each in both])),
        Evidence("polls", Kind.VALUE, counted(polls.count, "request")),
        Evidence("vain", Kind.VALUE, str(polls.in_vain)),
    ]


def _middle(seconds: Sequence[float]) -> str:
    found = median(seconds)
    return f"{found:.1f} s" if found >= 1 else f"{found * 1000:.0f} ms"


MISSION = Mission(
    number=1,
    title="Why not poll?",
    goal="Learn of the same purchases in two ways, and compare what each way costs.",
    steps=(
        Step(
            "Switch on [polling]: the subscriber asks the shop every five seconds for new orders.",
            POLLING,
        ),
        Step(
            "Place three orders in the shop, one after the other.",
            SHOP,
        ),
        Step(
            "Compare on the page Polling: how late each way is, and how many requests found "
            "nothing.",
            POLLING,
        ),
    ),
    hints=(
        "A poll sees a purchase five seconds late at worst. Wait for the next one.",
        "If no webhook comes, look at the page Subscription: the subscriber must be registered.",
    ),
    explanation=(
        (
            "You bought {purchases}, from {first} to {last}. A [webhook] reported them "
            "after {webhooks} (the median), polling after {polling}."
        ),
        (
            "Polling took {polls}, and {vain} of them found nothing. Webhooks took one request for "
            "each purchase."
        ),
        (
            "Polling twice as often halves the delay and doubles the requests, for each subscriber "
            "and each shop. With a webhook, the shop calls when there is something to tell. The "
            "price is that anybody can call you: the next missions are about that."
        ),
    ),
    judge=judge,
)
