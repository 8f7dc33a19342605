"""The exam in a terminal: progress while it runs, then the scorecard as text."""

from collections.abc import Iterator
from typing import TextIO

from shop.exam.case import ADVICE, TITLES, Case, CaseResult, Group, Verdict
from shop.exam.reports import printable
from shop.exam.scorecard import Scorecard

MARKS = {
    Verdict.PASSED: "✓",
    Verdict.FAILED: "✗",
    Verdict.NOT_JUDGED: "–",
    Verdict.ERROR: "!",
}
_COLORS = {
    Verdict.PASSED: "32",
    Verdict.FAILED: "31",
    Verdict.NOT_JUDGED: "33",
    Verdict.ERROR: "35",
}
NAME_WIDTH = 26
MAX_GOT_LENGTH = 80  # characters, in the table
ERASE_LINE = "\r\x1b[K"


class Progress:
    """One line that is written again for each case; nothing if ``out`` is not a terminal."""

    def __init__(self, out: TextIO, total: int) -> None:
        self._out = out
        self._total = total
        self._done = 0
        self._failed = 0
        self._is_shown = out.isatty()

    def started(self, case: Case) -> None:
        """Show which case is being played."""
        width = 20
        bar = "█" * (width * self._done // max(self._total, 1))
        failed = f", {self._failed} failed" if self._failed else ""
        self._write(
            f"{bar:░<{width}} {self._done}/{self._total}{failed}  {case.group}: {case.name}"
        )

    def judged(self, result: CaseResult) -> None:
        """Count a result."""
        self._done += 1
        self._failed += result.verdict is Verdict.FAILED

    def clear(self) -> None:
        """Erase the line."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._is_shown:
            self._out.write(f"{ERASE_LINE}{text}")
            self._out.flush()


def scorecard_text(card: Scorecard, *, in_color: bool, has_log: bool = True) -> str:
    """Return the scorecard: failed cases in full, then all cases in groups, then the result.

    ``has_log``: whether the shop still runs, so that its pages of deliveries can be opened.
    """
    failures = [_failure(result, has_log=has_log) for result in card.first_failures]
    blocks = [_heading(card), *failures]
    blocks += [_group(card, group, in_color=in_color) for group in Group if _asked(card, group)]
    if not_asked := len(card.results) - len(card.asked):
        blocks.append(f"Not asked: {not_asked} cases.")
    if advice := list(_advice(card)):
        blocks.append("\n".join(["What was not judged needs more:", *advice]))
    return "\n\n".join([*blocks, card.headline]) + "\n"


def _advice(card: Scorecard) -> Iterator[str]:
    """Yield once what the cases that were not judged need."""
    unjudged = [each.got for each in card.results if each.verdict is Verdict.NOT_JUDGED]
    for advice in ADVICE.values():
        if any(advice in got for got in unjudged):
            yield f"  {MARKS[Verdict.NOT_JUDGED]} {advice}"


def _heading(card: Scorecard) -> str:
    lines = [
        f"Receiver exam of {printable(card.url)}",
        f"scheme {card.scheme}, evidence: {card.evidence}, seed {card.seed}, {card.seconds:.0f} s",
    ]
    if card.problem:
        lines.append(f"\n{_sentence(printable(card.problem))}")
    return "\n".join(lines)


def _failure(result: CaseResult, *, has_log: bool) -> str:
    case = result.case
    sent = "\n\n".join(printable(each) for each in result.sent)
    lines = [
        f"FAILED {case.group}: {case.name} ({case.level})",
        f"  sent      {case.sends}",
        f"  expected  {case.expects}",
        f"  got       {printable(result.got)}",
        f"  why       {case.why}",
        f"  docs      {case.docs}",
        f"  mission   {case.mission.value} of the Build track",
        *(f"  log       {url}" for url in result.delivery_urls[:1] if has_log),
        *(f"    {line}" for line in sent.splitlines()),
    ]
    return "\n".join(lines)


def _group(card: Scorecard, group: Group, *, in_color: bool) -> str:
    return "\n".join([TITLES[group], *_rows(_asked(card, group), in_color=in_color)])


def _asked(card: Scorecard, group: Group) -> list[CaseResult]:
    return [result for result in card.in_group(group) if result.was_asked]


def _rows(results: list[CaseResult], *, in_color: bool) -> Iterator[str]:
    for result in results:
        mark = MARKS[result.verdict]
        if in_color:
            mark = f"\x1b[{_COLORS[result.verdict]}m{mark}\x1b[0m"
        name, level = result.case.name, result.case.level
        yield f"  {mark} {result.verdict:<10} {name:<{NAME_WIDTH}} {level:<6} {_got(result)}"


def _got(result: CaseResult) -> str:
    text = printable(result.got).partition("\n")[0]
    return text if len(text) <= MAX_GOT_LENGTH else f"{text[:MAX_GOT_LENGTH]}…"


def case_list(cases: tuple[Case, ...]) -> str:
    """Return all cases, one a line, for ``--list``."""
    rows = [
        f"{case.group:<9} {case.name:<{NAME_WIDTH}} {case.level:<6} {case.sends}" for case in cases
    ]
    return "\n".join(rows) + "\n"


def _sentence(text: str) -> str:
    begins_with_url = text.startswith(("http://", "https://"))
    return (text if begins_with_url else f"{text[:1].upper()}{text[1:]}").rstrip(".") + "."
