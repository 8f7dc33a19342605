"""How many pending deliveries of an endpoint are due, and why the others wait."""

from dataclasses import dataclass

import pytest

from shop.webhooks.rules.holds import Backlog, Hold, backlog_of


@dataclass(frozen=True)
class Case:
    """An endpoint with ten pending deliveries, four of them due."""

    hold: Hold | None = None
    full: Hold | None = None
    is_probing: bool = False
    passing: int = 0

    @property
    def backlog(self) -> Backlog:
        return backlog_of(
            self.hold,
            self.full,
            is_probing=self.is_probing,
            pending=10,
            due=4,
            passing=self.passing,
        )


@pytest.mark.parametrize(
    ("case", "due", "held", "later"),
    [
        pytest.param(Case(), 4, 0, 6, id="active"),
        pytest.param(Case(full=Hold.CONCURRENCY), 4, 0, 6, id="no free slot"),
        pytest.param(Case(Hold.PAUSED, passing=2), 0, 10, 0, id="paused"),
        pytest.param(Case(Hold.DISABLED), 0, 10, 0, id="disabled"),
        pytest.param(Case(Hold.RETRY_AFTER), 0, 10, 0, id="Retry-After"),
        pytest.param(Case(Hold.RETRY_AFTER, passing=2), 2, 8, 0, id="Retry-After, resent"),
        pytest.param(Case(Hold.BREAKER, is_probing=True), 0, 10, 0, id="breaker open"),
        pytest.param(Case(Hold.BREAKER, is_probing=True, passing=2), 2, 8, 0, id="open, resent"),
        pytest.param(Case(is_probing=True), 1, 9, 0, id="half-open, the probe is due"),
        pytest.param(Case(None, Hold.BREAKER, is_probing=True), 0, 10, 0, id="probe in flight"),
    ],
)
def test_pending_deliveries_are_due_held_or_planned(
    case: Case, due: int, held: int, later: int
) -> None:
    backlog = case.backlog

    assert (backlog.due, backlog.held, backlog.later) == (due, held, later)
    assert due + held + later == 10


def test_due_deliveries_without_a_slot_say_what_they_wait_for() -> None:
    assert Case(full=Hold.CONCURRENCY).backlog.by_hold == {Hold.RETRY: 6, Hold.CONCURRENCY: 4}
