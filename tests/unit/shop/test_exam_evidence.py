"""Evidence is read until two reads agree: a queue has time, and what never settles is no proof."""

from collections.abc import Iterator
from itertools import chain, count, repeat

import pytest

from shop.exam import evidence
from shop.exam.case import Effects
from shop.exam.evidence import BadEvidence, Evidence


class Scripted(Evidence):
    """Tells one number of effects after the other."""

    kind = "script"

    def __init__(self, times: Iterator[int], *states: str | None) -> None:
        self._times = times
        self._states = chain(states, repeat(states[-1] if states else None))
        self.reads = 0

    async def read(self, message_id: str) -> Effects:
        del message_id
        self.reads += 1
        return Effects(next(self._times))

    async def read_order(self, order_id: str) -> str | None:
        del order_id
        return next(self._states)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "READ_INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(evidence, "SHORT_SETTLING_SECONDS", 0.01)
    monkeypatch.setattr(Evidence, "_settling_seconds", 0.1)


async def test_a_queue_has_time_to_work() -> None:
    script = Scripted(chain([0, 0, 0], repeat(1)))

    assert (await script.settled("msg_1", expected=1)).times == 1


async def test_a_second_effect_that_follows_the_first_is_seen() -> None:
    script = Scripted(chain([1], repeat(2)))

    assert (await script.settled("msg_1", expected=1)).times == 2


async def test_no_effect_is_believed_after_two_reads_if_none_is_expected() -> None:
    script = Scripted(repeat(0))

    assert (await script.settled("msg_1", expected=0)).times == 0
    assert script.reads == 2


async def test_after_one_missing_effect_the_wait_for_others_is_short() -> None:
    script = Scripted(repeat(0))
    assert (await script.settled("msg_1", expected=1)).times == 0
    first = script.reads

    assert (await script.settled("msg_2", expected=1)).times == 0
    assert script.reads - first < first


async def test_what_never_stops_changing_is_no_evidence() -> None:
    with pytest.raises(BadEvidence, match="did not stop changing"):
        await Scripted(count()).settled("msg_1", expected=1)


async def test_an_order_has_time_to_reach_its_state() -> None:
    late = Scripted(repeat(0), "created", "created", "refunded")
    unknown = Scripted(repeat(0), None)

    assert await late.settled_order("ord_1", expected="refunded") == "refunded"
    assert await unknown.settled_order("ord_1", expected="refunded") is None
