"""A step that names a page leads to it: learners do not search for pages."""

import pytest

from subscriber_app.missions.mission import Link, Mission, Step
from subscriber_app.missions.watch import WATCH

# What a step says, and the beginning of the path that it must lead to.
NAMED = {
    "Buy ": "/",
    "orders in the shop": "/",
    "more orders": "/",
    "the page Flow": "/flow",
    "Steady orders": "/flow",
    "page Endpoints": "/endpoints",
    "Register the address": "/endpoints",
    "page Polling": "/polling",
    "page Purchases": "/purchases",
    "page Subscription": "/subscription",
    "et the fault": "/faults",
    "respond normally.": "/faults",
    "the defense": "/defences",
    "the attack “": "/receipts/{receipt}#attack",
    "ttack desk": "/receipts/{receipt}#attack",
    "resend the delivery": "/deliveries",
    "resend that delivery": "/deliveries",
    "the trace": "/story",
    "the editor": "/receipts/{receipt}/editor",
}


def _leads_to(links: list[Link], path: str) -> bool:
    paths = [each.path for each in links]
    return path in paths if path == "/" else any(each.startswith(path) for each in paths)


@pytest.mark.parametrize("mission", WATCH, ids=lambda each: each.key)
def test_a_step_has_a_link_to_each_page_that_it_names(mission: Mission) -> None:
    def missing(step: Step) -> list[str]:
        named = [path for words, path in NAMED.items() if words in step.text]
        return [path for path in named if not _leads_to(step.links, path)]

    assert {step.text: found for step in mission.steps if (found := missing(step))} == {}


@pytest.mark.parametrize("mission", WATCH, ids=lambda each: each.key)
def test_an_answer_is_asked_for_where_it_is_given(mission: Mission) -> None:
    says_where = any("nswer above" in step.text for step in mission.steps)

    assert says_where == bool(mission.questions)
