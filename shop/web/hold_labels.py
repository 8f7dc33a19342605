"""The words for what deliveries wait for: the same on the flow and on the overview. Pure."""

from collections.abc import Callable, Mapping

from shop.webhooks.rules.holds import OF_ENDPOINT, Hold

WAITING_FOR: Mapping[Hold, str] = {
    Hold.RETRY: "for the next attempt",
    Hold.CONCURRENCY: "for a free slot",
    Hold.PAUSED: "endpoint paused",
    Hold.DISABLED: "endpoint disabled",
    Hold.BREAKER: "circuit breaker open",
    Hold.RETRY_AFTER: "Retry-After",
}


def waiting_sentence(waiting: Mapping[Hold, int], number: Callable[[int], str]) -> str:
    """Return for example ``2 for the next attempt, 7 on hold (4 endpoint paused, 3 Retry-After)``.

    Empty if nothing waits. ``number``: formats a count.
    """
    parts = [
        f"{number(waiting[hold])} {WAITING_FOR[hold]}"
        for hold in (Hold.RETRY, Hold.CONCURRENCY)
        if waiting.get(hold)
    ]
    on_hold = {hold: waiting[hold] for hold in OF_ENDPOINT if waiting.get(hold)}
    if on_hold:
        reasons = ", ".join(
            f"{WAITING_FOR[hold]}: {number(count)}" if len(on_hold) > 1 else WAITING_FOR[hold]
            for hold, count in on_hold.items()
        )
        parts.append(f"{number(sum(on_hold.values()))} on hold ({reasons})")
    return ", ".join(parts)
