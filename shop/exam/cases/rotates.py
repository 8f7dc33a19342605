"""Rotates the secret: both sign, then the new one alone."""

from shop.exam.bench import Bench
from shop.exam.case import Case, Group, Judgment, Mission, Need, Observation, Verdict
from shop.exam.judging import accepted, rejected

DOCS = "docs/receivers.md#9-rotate-the-secret"
NEEDS = frozenset({Need.NEW_SECRET})


async def _both_sign(bench: Bench) -> Observation:
    await bench.new_signer()
    _sent, exchange = await bench.buy()
    return Observation((exchange,), await bench.effects([exchange], expected=1))


async def _old_alone(bench: Bench) -> Observation:
    if not await bench.hand_over_new_secret():
        return Observation(())
    exchange = await bench.send(bench.request())
    return Observation((exchange,), await bench.effects([exchange], expected=0))


async def _new_alone(bench: Bench) -> Observation:
    if not await bench.hand_over_new_secret():
        return Observation(())
    signer = await bench.new_signer()
    exchange = await bench.send(signer.genuine(bench.message()))
    return Observation((exchange,), await bench.effects([exchange], expected=1))


def _old_is_rejected(seen: Observation) -> Judgment:
    return rejected(seen) if seen.exchanges else _NOT_TAKEN


def _new_is_accepted(seen: Observation) -> Judgment:
    return accepted(seen) if seen.exchanges else _NOT_TAKEN


_NOT_TAKEN = Judgment(Verdict.NOT_JUDGED, "the receiver did not take the new secret in time")

CASES = (
    Case(
        name="both-secrets-sign",
        group=Group.ROTATES,
        mission=Mission.NEW_KEYS,
        sends="The secret is rotated. The new and the old one sign an ordinary delivery.",
        expects="a 2xx, and one effect",
        why="During a rotation both secrets sign. A receiver that looks at one signature only may "
        "reject everything until it has the new secret.",
        docs=DOCS,
        play=_both_sign,
        judge=accepted,
    ),
    Case(
        name="old-secret-rejected",
        group=Group.ROTATES,
        mission=Mission.NEW_KEYS,
        needs=NEEDS,
        is_slow=True,
        sends="The receiver has the new secret. The old one alone signs a request.",
        expects="a 4xx, and no effect",
        why="A secret is rotated because it may have leaked. As long as it is accepted, who has it "
        "can forge events.",
        docs=DOCS,
        play=_old_alone,
        judge=_old_is_rejected,
    ),
    Case(
        name="new-secret-accepted",
        group=Group.ROTATES,
        mission=Mission.NEW_KEYS,
        needs=NEEDS,
        is_slow=True,
        sends="The receiver has the new secret, which alone signs a request.",
        expects="a 2xx, and one effect",
        why="When the grace period ends, only the new secret signs.",
        docs=DOCS,
        play=_new_alone,
        judge=_new_is_accepted,
    ),
)
