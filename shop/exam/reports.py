"""The scorecard as JSON, as JUnit XML and as a badge. Pure."""

import json
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from hookshop.webkit.plain_text import escape_unprintable
from shop.exam.case import TITLES, CaseResult, Group, Level, Verdict
from shop.exam.scorecard import Result, Scorecard

_BADGE_COLORS = {Result.PASSED: "#1a7f37", Result.FAILED: "#b42318"}
_STATUS_ONLY_COLOR = "#9a6700"  # passed, but nobody looked at the side effects
_OTHER_COLOR = "#57606a"
_CHARACTER_WIDTH = 7  # px, of the badge's font


def as_document(card: Scorecard) -> dict[str, Any]:
    """Return the scorecard as data: what ``--json`` writes and the API answers."""
    return {
        "version": card.version,
        "result": card.result.value,
        "url": card.url,
        "scheme": card.scheme.value,
        "evidence": card.evidence,
        "seed": card.seed,
        "strict": card.is_strict,
        "problem": card.problem,
        "seconds": round(card.seconds, 1),
        "cases": [_case(result) for result in card.results],
    }


def _case(result: CaseResult) -> dict[str, Any]:
    return {
        "name": result.case.name,
        "group": result.case.group.value,
        "level": result.case.level.value,
        "verdict": result.verdict.value,
        "sent": list(result.sent),
        "expected": result.case.expects,
        "got": result.got,
        "why": result.case.why,
        "mission": result.case.mission.value,
        "docs": result.case.docs,
        "deliveries": list(result.delivery_urls),
        "seconds": round(result.seconds, 3),
    }


def as_json(card: Scorecard) -> str:
    """Return the scorecard as indented JSON."""
    return json.dumps(as_document(card), indent=2, ensure_ascii=False) + "\n"


def as_junit(card: Scorecard) -> str:
    """Return JUnit XML: a suite for each group. What was not judged is skipped, not passed.

    A failed *should* is skipped, too, unless it fails the exam.
    """
    root = ET.Element("testsuites", name="receiver exam")
    for group in Group:
        if results := card.in_group(group):
            _add_suite(root, TITLES[group], results, card)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_suite(root: ET.Element, title: str, results: list[CaseResult], card: Scorecard) -> None:
    cases = [_junit_case(result, card) for result in results]
    counts = {tag: _count(cases, tag) for tag in ("failure", "error", "skipped")}
    suite = ET.SubElement(
        root,
        "testsuite",
        name=title,
        tests=str(len(cases)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    for name in ("seed", "scheme", "evidence"):
        ET.SubElement(properties, "property", name=name, value=str(getattr(card, name)))
    suite.extend(cases)


def _count(cases: Iterable[ET.Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _junit_case(result: CaseResult, card: Scorecard) -> ET.Element:
    case = result.case
    element = ET.Element(
        "testcase", classname=case.group.value, name=case.name, time=f"{result.seconds:.3f}"
    )
    got = printable(result.got)
    if result.verdict is Verdict.NOT_JUDGED:
        ET.SubElement(element, "skipped", message=f"not judged: {got}")
    elif result.verdict is Verdict.ERROR:
        ET.SubElement(element, "error", message=got)
    elif result.verdict is Verdict.FAILED and result not in card.failures:
        ET.SubElement(element, "skipped", message=f"failed, but only a should: {got}")
    elif result.verdict is Verdict.FAILED:
        failure = ET.SubElement(element, "failure", message=got)
        sent = "\n\n".join(map(printable, result.sent))
        failure.text = f"expected: {case.expects}\ngot: {got}\nwhy: {case.why}\nsent:\n{sent}"
    return element


def as_badge(card: Scorecard) -> str:
    """Return an SVG with the result. It names the evidence: status only, or effects, too."""
    label, text = "webhook receiver", badge_text(card)
    left, right = (_CHARACTER_WIDTH * len(each) + 12 for each in (label, text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" '
        f'role="img" aria-label="{escape(label)}: {escape(text)}">'
        f"<title>{escape(label)}: {escape(text)}</title>"
        f'<rect width="{left}" height="20" fill="#24292f"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{_badge_color(card)}"/>'
        '<g fill="#fff" font-family="Verdana,Geneva,sans-serif" font-size="11" '
        'text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(text)}</text></g></svg>\n'
    )


def badge_text(card: Scorecard) -> str:
    """Return the words of the badge, such as ``passed (status only)``."""
    if card.result is Result.PASSED:
        seen = "effects, too" if card.effects_judged else "status only"
        return f"passed ({seen})"
    if card.result is Result.FAILED:
        musts = sum(each.case.level is Level.MUST for each in card.failures)
        return f"failed {musts or len(card.failures)} of {len(card.results)}"
    return card.result.value


def _badge_color(card: Scorecard) -> str:
    if card.result is Result.PASSED and not card.effects_judged:
        return _STATUS_ONLY_COLOR
    return _BADGE_COLORS.get(card.result, _OTHER_COLOR)


def printable(text: str) -> str:
    """Return text whose lines have no characters that XML or a terminal cannot show."""
    return "\n".join(map(escape_unprintable, text.split("\n")))
