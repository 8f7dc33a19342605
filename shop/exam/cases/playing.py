"""Plays that most cases share: one request of the exam, and its effects."""

from collections.abc import Callable

from shop.exam.bench import Bench
from shop.exam.case import Observation, Play
from shop.exam.wire import WebhookRequest

Make = Callable[[Bench], WebhookRequest]


def genuine(make: Make) -> Play:
    """Return a play that sends one request that must have one effect."""
    return _one_request(make, effects=1)


def without_effect(make: Make) -> Play:
    """Return a play that sends one request that must have no effect."""
    return _one_request(make, effects=0)


def _one_request(make: Make, *, effects: int) -> Play:
    async def play(bench: Bench) -> Observation:
        exchange = await bench.send(make(bench))
        return Observation((exchange,), await bench.effects([exchange], expected=effects))

    return play
