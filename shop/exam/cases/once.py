"""Happens once: copies of a message must not have a second effect."""

from shop.exam.bench import Bench
from shop.exam.case import Case, Group, Judgment, Mission, Need, Observation
from shop.exam.crafting import compact
from shop.exam.judging import first_counts, happened_once, happened_once_at_once

DOCS = "docs/receivers.md#5-do-the-work-once"
EFFECTS = frozenset({Need.EFFECTS})
COPIES = 10
FIRST_VALUE, SECOND_VALUE = 50.75, 9999.5


async def _redelivery(bench: Bench) -> Observation:
    sent, first = await bench.buy()
    await bench.shop.resend(sent)
    exchanges = (first, await bench.deliver(sent))
    return Observation(exchanges, await bench.effects(exchanges, expected=1))


async def _ten_at_once(bench: Bench) -> Observation:
    exchanges = await bench.sender.send_together(bench.url, [bench.request()] * COPIES)
    return Observation(exchanges, await bench.effects(exchanges, expected=1))


async def _same_id_other_body(bench: Bench) -> Observation:
    document = bench.document()
    document["event"]["value"] = FIRST_VALUE
    message = bench.message(compact(document))
    document["event"]["value"] = SECOND_VALUE
    first = await bench.send(bench.signer.genuine(message), "the first body")
    other = message.with_body(compact(document))
    second = await bench.send(bench.signer.genuine(other), "the other body")
    return Observation((first, second), await bench.effects([first], expected=1))


def _first_counts(seen: Observation) -> Judgment:
    return first_counts(FIRST_VALUE)(seen)


CASES = (
    Case(
        name="redelivery",
        group=Group.ONCE,
        mission=Mission.ONCE_ONLY,
        needs=EFFECTS,
        sends="The shop sends a delivery again after its answer.",
        expects="a 2xx each time, and one effect",
        why="A sender that got no answer cannot know whether you worked, so it sends again. A "
        "receiver without de-duplication lets a customer pay twice.",
        docs=DOCS,
        play=_redelivery,
        judge=happened_once,
    ),
    Case(
        name="ten-at-once",
        group=Group.ONCE,
        mission=Mission.ONCE_ONLY,
        needs=EFFECTS,
        sends="Ten copies arrive at the same instant: the last byte of each is held back, then all "
        "are released together.",
        expects="at least one 2xx, and one effect",
        why="A check before an insert is a race: all copies find nothing, and all of them book.",
        docs=DOCS,
        play=_ten_at_once,
        judge=happened_once_at_once,
    ),
    Case(
        name="same-id-other-body",
        group=Group.ONCE,
        mission=Mission.ONCE_ONLY,
        needs=EFFECTS,
        sends="A signed message has the id of an earlier one, and another amount.",
        expects="a 2xx or 4xx, and only the effect of the first",
        why="The id is the key: a second effect for the same id is a double booking.",
        docs=DOCS,
        play=_same_id_other_body,
        judge=_first_counts,
    ),
)
