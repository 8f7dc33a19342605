"""Mission 2: register."""

from subscriber_app.missions.facts import Evidence, Facts, Kind
from subscriber_app.missions.links import SUBSCRIPTION
from subscriber_app.missions.mission import (
    App,
    Judgment,
    Link,
    Mission,
    Need,
    Part,
    Question,
    Step,
    Tool,
    judgment,
)

FINGERPRINT = "fingerprint"


def judge(facts: Facts) -> Judgment:
    """Prove a registration since the start, and that the learner has seen which secret it has."""
    return judgment(facts, _registered(facts), _compared(facts))


def _registered(facts: Facts) -> Part:
    new = [
        Evidence("endpoint", Kind.ENDPOINT, each.id, each.created_at)
        for each in facts.endpoints
        if not each.is_ours and each.created_at > facts.started_at
    ]
    ours = facts.subscription
    if ours and ours.created_at >= facts.started_at:
        new.insert(0, Evidence("endpoint", Kind.ENDPOINT, ours.endpoint_id, ours.created_at))
    missing = "no URL was registered since the mission began; unsubscribe, then subscribe"
    if not ours:
        missing = "the subscriber is not registered; subscribe it"
    return Part("registered", "A URL is registered at the shop", new[:1], missing)


def _compared(facts: Facts) -> Part:
    answer, ours = facts.answers.get(FINGERPRINT), facts.subscription
    typed = "".join(answer.text.lower().split()) if answer else ""
    evidence, missing = [], "no fingerprint was typed in; copy it from the page Subscription"
    if ours and ours.fingerprint and answer and typed == ours.fingerprint:
        evidence = [Evidence("fingerprint", Kind.VALUE, typed, answer.at)]
    elif typed:
        missing = (
            f"{typed[:20]} is not the fingerprint of the secret; copy it from the page Subscription"
        )
    return Part("compared", "You typed the fingerprint of its secret", evidence, missing)


MISSION = Mission(
    number=2,
    title="Register",
    goal="Tell the shop where to send webhooks, and get the secret that proves them.",
    steps=(
        Step(
            "The demo has registered the subscriber already. End that: unsubscribe.",
            Link("Unsubscribe…", App.SUBSCRIBER, "/subscription/delete"),
        ),
        Step(
            "Subscribe again. The subscriber sends its URL to the shop, and the shop answers with "
            "a new [secret].",
            SUBSCRIPTION,
        ),
        Step(
            "The page Subscription shows the fingerprint of the secret, never the secret itself. "
            "Copy it, and answer above.",
            SUBSCRIPTION,
        ),
    ),
    questions=(
        Question(
            FINGERPRINT,
            "Fingerprint of the secret",
            "16 digits and letters, on the page Subscription.",
        ),
    ),
    hints=(
        (
            "A registration is one request: POST /v1/webhooks/register with the URL and the event "
            "types. You can also send it with curl, or fill in the form on the shop's page "
            "Endpoints."
        ),
        (
            "The fingerprint is the beginning of the SHA-256 of the secret. It changes with every "
            "registration, so the one from before you unsubscribed is wrong now."
        ),
        "On the page Subscription, look for “Secret”: 16 characters from 0 to 9 and a to f.",
    ),
    explanation=(
        (
            "The shop now has the [endpoint] {endpoint}. It sent the [secret] in its response, "
            "once, and will never show it again."
        ),
        (
            "You compared the fingerprint {fingerprint}. Two parties can compare a fingerprint in "
            "the open: it shows that both have the same secret, and nobody can compute the secret "
            "from it."
        ),
        (
            "From now on the shop signs every [webhook] with this secret. Without it, anybody who "
            "knows the URL could send purchases that never happened."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    tools=frozenset({Tool.UNSUBSCRIBED}),
)
