"""Build mission 9: not now."""

from collections.abc import Iterator

from subscriber_app.missions.facts import AttemptFact, DeliveryFact, Evidence, Facts, Kind
from subscriber_app.missions.links import OWN_ENDPOINT, SHOP
from subscriber_app.missions.mission import Judgment, Mission, Need, Part, Step, Track, judgment

NOT_NOW = (429, 503)


def judge(facts: Facts) -> Judgment:
    """Prove a Retry-After of the receiver, that the shop waited as long, and then a success."""
    asked = [
        (delivery, before, after)
        for delivery in facts.deliveries
        for before, after in _rejections(delivery)
    ]
    waited = [each for each in asked if each[2] and each[2].retry_after_seconds > 0]
    return judgment(
        facts,
        Part(
            "asked",
            "Your receiver answers 429 or 503",
            [Evidence("asked", Kind.ATTEMPT, asked[0][0].id, asked[0][1].started_at)]
            if asked
            else (),
            "no attempt got 429 or 503; let your receiver answer so once, then buy",
        ),
        _waited(facts, asked, waited),
        _succeeded(waited),
    )


def _rejections(delivery: DeliveryFact) -> Iterator[tuple[AttemptFact, AttemptFact | None]]:
    """Yield each attempt that got 429 or 503, and the next one, if it was made."""
    followers = [*delivery.attempts[1:], None]
    for attempt, following in zip(delivery.attempts, followers, strict=False):
        if attempt.status in NOT_NOW:
            yield attempt, following


_Asked = list[tuple[DeliveryFact, AttemptFact, AttemptFact | None]]


def _waited(facts: Facts, asked: _Asked, waited: _Asked) -> Part:
    label = "The shop waits as long as Retry-After says, or you skip the wait"
    if waited and (after := waited[0][2]):
        evidence = [
            Evidence("delivery", Kind.DELIVERY, waited[0][0].id, after.started_at),
            Evidence("requested", Kind.VALUE, f"{after.retry_after_seconds:g} s"),
        ]
        return Part("waited", label, evidence, "")
    missing = "the response 429 or 503 has not come yet"
    if asked:
        delivery, _, after = asked[-1]
        missing = "the response had no Retry-After; add the header, in seconds"
        if after is None:
            missing = delivery.next_attempt(facts.now) or missing
    return Part("waited", label, (), missing)


def _succeeded(waited: _Asked) -> Part:
    done = [delivery for delivery, _, _ in waited if delivery.has_succeeded]
    return Part(
        "succeeded",
        "The same delivery succeeds",
        [Evidence("success", Kind.DELIVERY, done[0].id, done[0].completed_at)] if done else (),
        "the delivery has not succeeded yet; let your receiver accept it",
    )


MISSION = Mission(
    track=Track.BUILD,
    number=9,
    title="Not now",
    goal="Let your receiver ask the shop to come back later.",
    steps=(
        Step(
            "Let your receiver answer one request with 503 and the header Retry-After: 7, for "
            "example the first one after its start."
        ),
        Step("Start it again and buy something.", SHOP),
        Step(
            "Wait for the next attempt, or skip the wait on the page of the delivery. Your "
            "receiver "
            "accepts it.",
            OWN_ENDPOINT,
        ),
    ),
    hints=(
        (
            "The receiver of this page closes with the command echo 503 > closed in its folder, "
            "and opens again with rm closed."
        ),
        "Retry-After has whole seconds, or a date. Seconds need no clock that is right.",
        "The shop waits for one hour at most, whatever the header says.",
    ),
    explanation=(
        (
            "The [attempt] {asked} was answered with a Retry-After of {requested}. The shop "
            "waited, "
            "and {success} succeeded."
        ),
        (
            "A receiver that restarts, or that is overloaded, says so with 503 or 429. Requests "
            "that it cannot handle yet are not lost, and it gets no more than it can bear."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.DELIVERIES, Need.ENDPOINTS}),
    wants_attempts=lambda delivery: delivery.attempt_count > 0,
)
