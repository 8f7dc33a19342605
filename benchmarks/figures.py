"""What a measurement found: samples beside their yardsticks, as a table and as JSON.

Machines are noisy, so each round takes the figure and its yardsticks one after the other, and what
is compared is compared within its round: the ratio is the median of the rounds' ratios.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

LABEL_WIDTH = 44


@dataclass(frozen=True, slots=True)
class Comparison:
    """With another figure of the same report. ``at_least``, ``at_most``: what is aimed at."""

    against: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """``samples``: one for each round, in the order of the rounds.

    ``at_most``: what the figure itself should not exceed, whatever it is compared with.
    ``in_passing``: only there to be compared with, and shown where it is.
    """

    label: str
    unit: str
    samples: Sequence[float]
    comparisons: Sequence[Comparison] = ()
    at_most: float | None = None
    in_passing: bool = False

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.samples)


@dataclass(slots=True)
class Report:
    """One measurement. ``title``: what was done, so that the figures can be understood."""

    title: str
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)

    def ratio(self, figure: Figure, comparison: Comparison) -> float | None:
        """How many times the other figure; None if that was not taken."""
        other = self.find(comparison.against)
        if other is None:
            return None
        pairs = zip(figure.samples, other.samples, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)

    def find(self, label: str) -> Figure | None:
        """The figure that is called this."""
        return next((each for each in self.figures if each.label == label), None)

    def as_table(self) -> Iterator[str]:
        """Lines for a terminal."""
        yield self.title
        for figure in self.figures:
            if figure.in_passing:
                continue
            lines = [_bound(figure.value, figure.at_most, figure.unit), *self._compared(figure)]
            said = [line for line in lines if line]
            yield f"  {figure.label:<{LABEL_WIDTH}}{_number(figure.value):>9} {figure.unit:<6}" + (
                said[0] if said else ""
            )
            yield from (f"{'':<{LABEL_WIDTH + 18}}{line}" for line in said[1:])
        yield from (f"  {note}" for note in self.notes)

    def _compared(self, figure: Figure) -> Iterator[str]:
        for comparison in figure.comparisons:
            other, ratio = self.find(comparison.against), self.ratio(figure, comparison)
            if other is not None and ratio is not None:
                value = f" ({_number(other.value)} {other.unit})" if other.in_passing else ""
                yield f"  {ratio:.2f} × {other.label}{value}{_verdict(ratio, comparison)}"

    def as_document(self) -> dict[str, Any]:
        """The same for programs, with every sample."""
        return {
            "title": self.title,
            "figures": [self._document(figure) for figure in self.figures],
            "notes": self.notes,
        }

    def _document(self, figure: Figure) -> dict[str, Any]:
        return {
            "label": figure.label,
            "unit": figure.unit,
            "median": figure.value,
            "samples": list(figure.samples),
            "at_most": figure.at_most,
            "compared": [
                {
                    "against": comparison.against,
                    "ratio": ratio,
                    "at_least": comparison.at_least,
                    "at_most": comparison.at_most,
                    "reached": is_reached(ratio, comparison.at_least, comparison.at_most),
                }
                for comparison in figure.comparisons
                if (ratio := self.ratio(figure, comparison)) is not None
            ],
        }


def is_reached(value: float, at_least: float | None, at_most: float | None) -> bool:
    """Whether a value lies within its bounds; without any, it does."""
    return (at_least is None or value >= at_least) and (at_most is None or value <= at_most)


def percentile(samples: Sequence[float], percent: float) -> float:
    """Nearest rank: the smallest sample that at least ``percent`` of all do not exceed."""
    ranked = sorted(samples)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def _bound(value: float, at_most: float | None, unit: str) -> str:
    if at_most is None:
        return ""
    return f"  at most {_number(at_most)} {unit}: {_word(is_reached(value, None, at_most))}"


def _verdict(ratio: float, comparison: Comparison) -> str:
    reached = _word(is_reached(ratio, comparison.at_least, comparison.at_most))
    if comparison.at_least is not None:
        return f"; at least {comparison.at_least:g}: {reached}"
    if comparison.at_most is not None:
        return f"; at most {comparison.at_most:g}: {reached}"
    return ""


def _word(is_well: bool) -> str:
    return "yes" if is_well else "NO"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
