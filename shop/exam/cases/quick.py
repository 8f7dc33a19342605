"""Is quick: twenty ordinary deliveries of the shop, five at a time."""

import asyncio

from shop.exam.bench import Bench
from shop.exam.case import Case, Group, Level, Mission, Observation
from shop.exam.judging import each_in_time, quick_in_general
from shop.exam.wire import Exchange

DELIVERIES = 20
AT_A_TIME = 5
DOCS = "docs/receivers.md#7-respond"


async def _twenty(bench: Bench) -> Observation:
    async def play() -> Observation:
        exchanges: list[Exchange] = []
        for _ in range(DELIVERIES // AT_A_TIME):
            bought = await asyncio.gather(*(bench.buy() for _ in range(AT_A_TIME)))
            exchanges += [exchange for _sent, exchange in bought]
        return Observation(tuple(exchanges))

    return await bench.remember("twenty", play)


CASES = (
    Case(
        name="twenty-p95",
        group=Group.QUICK,
        mission=Mission.ANSWER_FIRST,
        level=Level.SHOULD,
        is_slow=True,
        sends="Twenty orders, five at a time.",
        expects="95 of 100 answers within 1 s",
        why="Acknowledge first and work later: a slow receiver delays all events that wait.",
        docs=DOCS,
        play=_twenty,
        judge=quick_in_general,
    ),
    Case(
        name="twenty-each",
        group=Group.QUICK,
        mission=Mission.ANSWER_FIRST,
        is_slow=True,
        sends="The same twenty orders.",
        expects="each answer within 10 s",
        why="After 10 s the shop gives up on a request and sends it again, so the work is done "
        "twice.",
        docs=DOCS,
        play=_twenty,
        judge=each_in_time,
    ),
)
