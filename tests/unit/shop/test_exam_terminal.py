"""The scorecard in a terminal."""

import pytest

from shop.exam.case import NOT_ASKED, CaseResult, Scheme, Verdict
from shop.exam.cases import ALL_CASES
from shop.exam.scorecard import Scorecard
from shop.exam.terminal import scorecard_text

DELIVERY = "http://127.0.0.1:8000/s/exam/deliveries/dlv_1"
FIRST, *OTHERS = ALL_CASES
REFUSED = CaseResult(FIRST, Verdict.FAILED, "401", delivery_urls=(DELIVERY,))


def text(*results: CaseResult, has_log: bool = True) -> str:
    card = Scorecard("http://127.0.0.1:9000/hook", Scheme.STANDARD, "probe", 7, "0.1.0", results)
    return scorecard_text(card, in_color=False, has_log=has_log)


@pytest.mark.parametrize("has_log", [True, False])
def test_a_delivery_is_named_only_if_its_page_can_be_opened(has_log: bool) -> None:
    assert (DELIVERY in text(REFUSED, has_log=has_log)) is has_log


def test_what_was_not_asked_is_no_error() -> None:
    not_asked = [CaseResult(case, Verdict.ERROR, NOT_ASKED) for case in OTHERS[:40]]

    shown = text(REFUSED, *not_asked)

    assert "Not asked: 40 cases." in shown
    assert shown.endswith("failed: 1 failed, 40 not asked (probe)\n")


def test_a_failed_case_names_the_mission_that_teaches_it() -> None:
    assert "mission   3 of the Build track" in text(REFUSED)
