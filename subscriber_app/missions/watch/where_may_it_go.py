"""Mission 18: where webhooks may go."""

from collections.abc import Sequence

from subscriber_app.missions.facts import DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.failing_endpoints import changes_its_mind
from subscriber_app.missions.links import ENDPOINTS, FAILING_DELIVERY, SHOP
from subscriber_app.missions.mission import (
    Action,
    Judgment,
    Mission,
    Need,
    Part,
    Step,
    judgment,
)

BLOCKED = "blocked_address"
URLS = 5
REASONS = 3
REGISTER_CHANGING_NAME = "register-changing-name"


def judge(facts: Facts) -> Judgment:
    """Prove hostile URLs that were refused for different reasons, one only when connecting."""
    blocked = [each for each in facts.deliveries_elsewhere if _was_blocked(each)]
    urls = list(dict.fromkeys(each.url for each in facts.refusals))
    reasons = list(dict.fromkeys(each.reason for each in facts.refusals))
    if blocked:
        reasons.append(BLOCKED)
    tried = len(urls) + bool(blocked)
    return judgment(
        facts,
        Part(
            "urls",
            f"{URLS} hostile URLs are refused or blocked",
            [Evidence("urls", Kind.VALUE, str(tried))] if tried >= URLS else (),
            f"{tried} of {URLS} hostile URLs were refused or blocked{_next(facts)}",
        ),
        Part(
            "reasons",
            f"There are {REASONS} different reasons",
            [Evidence("reasons", Kind.VALUE, ", ".join(reasons).replace("_", " "))]
            if len(reasons) >= REASONS
            else (),
            f"{len(reasons)} of {REASONS} different reasons",
        ),
        _blocked(facts, blocked),
    )


def _next(facts: Facts) -> str:
    """Return what to do about the name that is registered, or ""."""
    if not any(changes_its_mind(each.webhook_url) for each in facts.endpoints):
        return ""
    if facts.deliveries_elsewhere:
        return "; the name that changes its mind is blocked at its next attempt"
    return "; the name that changes its mind is registered: buy something"


def _was_blocked(delivery: DeliveryFact) -> bool:
    return any(attempt.error == BLOCKED for attempt in delivery.attempts)


def _blocked(facts: Facts, blocked: Sequence[DeliveryFact]) -> Part:
    label = "One is blocked when the shop connects"
    if blocked:
        evidence = [Evidence("blocked", Kind.ATTEMPT, blocked[0].id, blocked[0].created_at)]
        return Part("blocked", label, evidence, "")
    if facts.deliveries_elsewhere:
        missing = "the name still leads to an allowed address; wait for the next attempt"
    elif any(changes_its_mind(each.webhook_url) for each in facts.endpoints):
        missing = "the name is registered, but nothing was sent to it; buy something"
    else:
        missing = "the name that changes its mind is not registered"
    return Part("blocked", label, (), missing)


MISSION = Mission(
    number=18,
    title="Where may it go?",
    goal="Try to make the shop send requests to places where no stranger should reach.",
    steps=(
        Step(
            "You are the attacker now. The shop sends requests to any URL that you register, from "
            "inside its own network. Register the address where clouds keep credentials: copy it "
            "into the field “Webhook URL” of the page Endpoints.",
            ENDPOINTS,
            command="http://169.254.169.254/latest/meta-data/",
        ),
        Step(
            "Try a service of the shop's own machine.",
            ENDPOINTS,
            command="http://127.0.0.1:22/",
        ),
        Step(
            "Try the same machine, written in a way that some programs understand.",
            ENDPOINTS,
            command="http://0x7f.1:8001/",
        ),
        Step(
            "Try a name that only the internal network knows.",
            ENDPOINTS,
            command="http://printer.local/",
        ),
        Step(
            "Now a name that looks harmless, and changes its mind: first it leads to an allowed "
            "address, then to that of the cloud's credentials.",
            action=Action(REGISTER_CHANGING_NAME, "Register the name that changes its mind"),
        ),
        Step(
            "The shop registers this one. Buy something, and look at the attempts to deliver it "
            "there.",
            SHOP,
            then=FAILING_DELIVERY,
        ),
    ),
    hints=(
        "Type each URL into the form of the page Endpoints, and send it. Read why it is refused.",
        (
            "The list “Refused registrations” on the page Endpoints shows what counts. The same "
            "URL twice counts once."
        ),
        (
            "The name changes its address at each lookup. The first attempt may reach the allowed "
            "one; the next attempt, two seconds later, is blocked."
        ),
    ),
    explanation=(
        (
            "{urls} hostile URLs were refused or blocked, for reasons such as {reasons}. Without "
            "such rules, anybody who may register a URL could read what only the shop's own "
            "machine can reach. That is server-side request forgery (SSRF)."
        ),
        (
            "The last one could not be refused by its text. Its name led to an allowed address, "
            "and then to another: only a check of the address at the moment of connecting stops "
            "it. The {blocked} ended there, before a single packet was sent."
        ),
        (
            "The name is made for this mission: the shop itself answers its lookups, so that it "
            "works without the internet. A real attacker needs a domain and a DNS server."
        ),
        "Delete the endpoint on its page when you are done.",
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES_ELSEWHERE, Need.ENDPOINTS, Need.REFUSALS}),
    wants_attempts=lambda _delivery: True,
    picture="where_may_it_go.html",
)
