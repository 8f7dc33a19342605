"""Build mission 4: trust nobody."""

from subscriber_app.missions.build.exam_cases import judge_cases
from subscriber_app.missions.build.steps import CHECK
from subscriber_app.missions.facts import Facts
from subscriber_app.missions.links import VERIFYING
from subscriber_app.missions.mission import Judgment, Mission, Need, Step, Track

CASES = (
    "no-credential",
    "another-secret",
    "body-bit",
    "id-changed",
    "timestamp-changed",
    "signature-last",
    "signature-first",
    "signature-between-unknown",
    "signature-hex",
    "signature-empty",
    "signature-truncated",
    "signature-other-version",
)
TOKEN_CASES = (
    "token-alg-none",
    "token-hs512",
    "token-other-audience",
    "token-other-body",
    "token-expired",
    "token-nbf-ahead",
    "token-year",
    "token-other-message",
)


def judge(facts: Facts) -> Judgment:
    """Prove that forgeries are rejected, and that a right signature is found in its list."""
    return judge_cases(facts, CASES)


MISSION = Mission(
    track=Track.BUILD,
    number=4,
    title="Trust nobody",
    goal="Verify the signature of every webhook, and reject each forgery.",
    steps=(
        Step(
            "Compute the [HMAC] with SHA-256 of webhook-id, webhook-timestamp and body, joined by "
            "dots. The key is what follows whsec_, decoded from base64."
        ),
        Step(
            "Compare it with each [signature] of the header webhook-signature that begins with v1, "
            "in constant time. If none fits, answer 401.",
            VERIFYING,
        ),
        CHECK,
    ),
    hints=(
        (
            "webhook-signature is a list with blanks between its items: v1,… v1,… v2,… Skip the "
            "versions that you do not know, and accept if one of v1 is right."
        ),
        (
            "Base64 that is damaged must lead to 401, not to an error of your program: an "
            "attacker can send anything."
        ),
        "Compare with hmac.compare_digest in Python, or crypto.timingSafeEqual in Node.",
    ),
    explanation=(
        (
            "Your receiver rejected each forgery and found the right signature in its list: "
            "see the {exam}."
        ),
        (
            "Anybody can send a request to a URL. Only the shop and you have the [secret], so only "
            "they can sign. Changing one bit of the body, the id or the time breaks the signature."
        ),
    ),
    judge=judge,
    needs=frozenset({Need.ENDPOINTS}),
    cases=CASES,
    command_cases=TOKEN_CASES,
)
