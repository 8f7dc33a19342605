"""What keeps deliveries from flowing, and what to do about it. Pure.

The texts have no numbers, because screen readers announce each change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shop.web.flow.facts import EndpointFacts, Facts
from shop.webhooks.rules.holds import Hold, hold_of_endpoint

MAX_NAME_LENGTH = 36  # so that a problem fits into one line of a projector


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem. ``text``: what is wrong. ``advice``: what to do; ``address``: where to do it.

    ``is_severe``: it does not end by itself.
    """

    text: str
    advice: str
    address: str
    is_severe: bool = True


def problems_of(facts: Facts) -> Sequence[Problem]:
    """Return the problems, severe ones first."""
    problems = [*_problems_of_engine(facts), *_problems_of_endpoints(facts)]
    return sorted(problems, key=lambda problem: not problem.is_severe)


def _problems_of_engine(facts: Facts) -> Iterator[Problem]:
    if not facts.redis_answers:
        advice = "Start it; until then, workers poll the database."
        yield Problem("Redis does not answer", advice, "/overview")
    if facts.has_no_worker:
        yield Problem("no worker is alive", "Start one: python -m shop.worker", "/overview")


def _problems_of_endpoints(facts: Facts) -> Iterator[Problem]:
    for each in facts.endpoints:
        hold = hold_of_endpoint(each.status, each.probe_at, each.hold_until, facts.now)
        if hold is None and each.probe_at:  # its probe is due or in flight
            hold = Hold.BREAKER
        if hold:
            yield _problem_of_hold(each, hold)
        elif each.pending > each.due:
            advice = "See why it failed."
            address = f"/deliveries?endpoint_id={each.id}&state=pending"
            yield Problem(f"{_shortened(each.name)} (retrying)", advice, address, is_severe=False)


_HOLDS = {
    Hold.PAUSED: ("paused", "Resume it."),
    Hold.DISABLED: ("disabled", "Repair its receiver, then enable it."),
    Hold.BREAKER: ("circuit breaker open", "Repair its receiver."),
    Hold.RETRY_AFTER: ("asked to wait", "Deliveries continue by themselves."),
}


def _problem_of_hold(endpoint: EndpointFacts, hold: Hold) -> Problem:
    text, advice = _HOLDS[hold]
    return Problem(
        f"{_shortened(endpoint.name)} ({text})",
        advice,
        f"/endpoints/{endpoint.id}",
        is_severe=hold is not Hold.RETRY_AFTER,
    )


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…"
