"""The result of an exam: exit code, JSON, JUnit XML, badge."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from shop.exam.case import NOT_ASKED, Case, CaseResult, Scheme, Verdict
from shop.exam.cases import ALL_CASES
from shop.exam.reports import as_badge, as_json, as_junit, badge_text
from shop.exam.scorecard import Scorecard
from shop.web.exams.labels import verdict_label

CASES = {case.name: case for case in ALL_CASES}
MUST, SHOULD, ONCE = CASES["body-bit"], CASES["chunked"], CASES["redelivery"]
CRASH = CASES["nothing-lost"]
PASSED, FAILED, NOT_JUDGED, ERROR = Verdict


def card(*results: tuple[Case, Verdict], **facts: object) -> Scorecard:
    empty = Scorecard("http://127.0.0.1:9000/hook", Scheme.STANDARD, "probe", 7, "0.1.0")
    listed = [CaseResult(case, verdict, "401", ("curl …",)) for case, verdict in results]
    return replace(empty, results=tuple(listed), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([(MUST, PASSED)], 0),
        ([(MUST, PASSED), (SHOULD, FAILED)], 0),
        ([(ONCE, NOT_JUDGED)], 0),
        ([(MUST, FAILED), (ONCE, ERROR)], 1),
        ([(MUST, ERROR)], 3),
    ],
)
def test_the_exit_code_follows_from_the_verdicts(
    results: list[tuple[Case, Verdict]], code: int
) -> None:
    assert card(*results).exit_code() == code


def test_a_failed_should_fails_only_a_strict_exam() -> None:
    assert card((SHOULD, FAILED)).exit_code() == 0
    assert card((SHOULD, FAILED), is_strict=True).exit_code() == 1


def test_a_receiver_that_was_not_reached_is_exit_code_3() -> None:
    assert card(was_reached=False).exit_code() == 3


def test_a_stopped_exam_is_no_success() -> None:
    assert card((MUST, PASSED), was_stopped=True).exit_code() == 3
    assert card((MUST, FAILED), was_stopped=True).exit_code() == 1


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([(ONCE, PASSED)], 0),
        ([(ONCE, PASSED), (CRASH, NOT_JUDGED)], 0),
        ([(ONCE, NOT_JUDGED)], 4),
        ([(MUST, PASSED)], 4),
        ([(MUST, FAILED), (ONCE, NOT_JUDGED)], 1),
    ],
)
def test_effects_that_were_not_judged_are_exit_code_4_if_they_are_required(
    results: list[tuple[Case, Verdict]], code: int
) -> None:
    assert card(*results).exit_code(require_effects=True) == code


def test_cases_that_need_no_evidence_are_judged_in_full_with_a_probe() -> None:
    assert not card((MUST, PASSED)).saw_status_only
    assert card((MUST, PASSED), evidence="status only").saw_status_only
    assert card((MUST, PASSED), (ONCE, NOT_JUDGED)).saw_status_only
    assert not card((MUST, PASSED), (ONCE, PASSED)).saw_status_only


def test_the_json_has_a_row_for_each_case() -> None:
    document = json.loads(as_json(card((MUST, PASSED))))

    assert document["result"] == "passed"
    assert (document["scheme"], document["evidence"], document["seed"]) == ("standard", "probe", 7)
    [row] = document["cases"]
    assert row["name"] == "body-bit"
    assert set(row) > {"group", "level", "verdict", "sent", "expected", "got", "why"}


def test_junit_skips_what_was_not_judged_and_a_failed_should() -> None:
    xml = as_junit(card((MUST, FAILED), (SHOULD, FAILED), (ONCE, NOT_JUDGED), (CRASH, ERROR)))

    suites = {each.get("name"): each for each in ET.fromstring(xml)}
    assert suites["Rejects what is not"].get("failures") == "1"
    assert suites["Accepts what is genuine"].get("skipped") == "1"
    assert suites["Happens once"].get("skipped") == "1"
    assert suites["Crashes well"].get("errors") == "1"
    assert '<property name="seed" value="7" />' in xml


def test_junit_stays_xml_whatever_a_receiver_answers() -> None:
    hostile = CaseResult(MUST, Verdict.FAILED, "\x00\x1b[31m<&\ud800\u202e", ("curl \x01",))

    xml = as_junit(replace(card(), results=(hostile,)))

    [failure] = ET.fromstring(xml.encode()).iter("failure")
    assert failure.get("message") == "\\x00\\x1b[31m<&\\ud800\\u202e"


def test_the_badge_names_the_evidence() -> None:
    assert badge_text(card((MUST, PASSED), (ONCE, NOT_JUDGED))) == "passed (status only)"
    assert badge_text(card((MUST, PASSED), (ONCE, PASSED))) == "passed (effects, too)"
    assert badge_text(card((MUST, FAILED), (ONCE, PASSED))) == "failed 1 of 2"
    assert badge_text(card(was_reached=False)) == "not reached"
    ET.fromstring(as_badge(card((MUST, PASSED))))


def test_the_headline_never_calls_what_was_not_judged_passed() -> None:
    shown = card((MUST, PASSED), (ONCE, NOT_JUDGED), evidence="status only").headline

    assert shown == "passed: 1 passed, 1 not judged (status only)"


def test_what_was_not_asked_is_neither_judged_nor_an_error() -> None:
    skipped = CaseResult(ONCE, ERROR, NOT_ASKED)
    shown = replace(card(), results=(CaseResult(MUST, FAILED, "401"), skipped))

    assert [each.case for each in shown.asked] == [MUST]
    assert shown.counts == "1 failed, 1 not asked"
    assert verdict_label(skipped).word == "not asked"
